import { isTroupeError, TroupeError } from '@troupe/core'
import type { KafkaConnection } from '../client/client.ts'
import { denialOf } from '../client/denial.ts'
import { problemOf } from '../client/kafka-error.ts'
import { onWire } from '../client/namespace.ts'
import { ping } from '../client/ping.ts'
import { settlesWithin } from '../client/settles-within.ts'
import { configOf, differencesOf, factsOf, type TopicRule } from './topic-facts.ts'

/**
 * Resolves if every topic is there and as its rule says. Creates and changes nothing: for clusters whose
 * topics are looked after by somebody else.
 *
 * @throws TroupeError `TROUPE_TOPIC_MISSING`, `TROUPE_TOPIC_MISMATCH`, naming everything that is wrong at
 *   once; `TROUPE_ACCESS_DENIED`; `TROUPE_KAFKA_UNREACHABLE`
 */
export async function checkTopics(
  connection: KafkaConnection,
  rules: readonly TopicRule[],
  { timeoutMs = 30_000 }: { readonly timeoutMs?: number } = {},
): Promise<void> {
  if (rules.length === 0) return
  const client = connection.open({ requestTimeoutMs: timeoutMs })
  const admin = client.kafka.admin()
  const missing: string[] = []
  const wrong: string[] = []
  try {
    await admin.connect()
    for (const rule of rules) {
      const topic = onWire(connection, rule.topic)
      const facts = await factsOf(admin, topic, connection)
      if (!facts) {
        missing.push(topic)
        continue
      }
      const hasConfig = Object.keys(rule.config ?? {}).length > 0
      const config = hasConfig ? await configOf(admin, topic, connection) : undefined
      for (const { name, wanted, found } of differencesOf(rule, facts, config))
        wrong.push(`${topic} has ${name} ${found}, not ${wanted}`)
    }
  } catch (error) {
    if (isTroupeError(error)) throw error
    throw await explained(connection, error)
  } finally {
    await settlesWithin(admin.disconnect(), 1_000)
    client.destroy()
  }
  refuseDifferences(missing, wrong)
}

function refuseDifferences(missing: readonly string[], wrong: readonly string[]): void {
  if (missing.length + wrong.length === 0) return
  const said = [...missing.map((topic) => `${topic} does not exist`), ...wrong]
  throw new TroupeError(
    missing.length > 0 ? 'TROUPE_TOPIC_MISSING' : 'TROUPE_TOPIC_MISMATCH',
    `The topics are not as they are declared: ${said.join('; ')}. Create or change them, or let the service create what is missing.`,
    { details: { missing, wrong } },
  )
}

async function explained(connection: KafkaConnection, error: unknown): Promise<unknown> {
  const denial = denialOf(error, connection, { operation: 'Describe' })
  if (denial) return denial
  const reason: unknown = await ping(connection, { timeoutMs: 2_000 }).then(
    () => undefined,
    (why: unknown) => why,
  )
  if (isTroupeError(reason)) return reason
  const { brokers } = connection.settings
  return new TroupeError(
    'TROUPE_KAFKA_UNREACHABLE',
    `Kafka at ${brokers.join(', ')} cannot be asked for topics: ${problemOf(error).message}. Check that the brokers are running.`,
    { cause: error, details: { brokers } },
  )
}
