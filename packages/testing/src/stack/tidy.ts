import { messageOf, type Log } from '@troupe/core'
import { type KafkaConnection } from '@troupe/kafka'
import { registryRequest } from './registry-request.ts'
import type { Stack } from './stack.ts'

const patienceMs = 5_000

/**
 * Removes from a shared stack what a harness made there: all topics, groups and subjects of its namespace,
 * and these databases. What cannot be removed is said and left: the tests have ended by then.
 */
export async function tidy(
  stack: Stack,
  {
    namespace,
    connection,
    databases,
    log,
  }: {
    readonly namespace: string
    readonly connection: KafkaConnection
    readonly databases: readonly string[]
    readonly log: Log
  },
): Promise<void> {
  const begins = (name: string) => name.startsWith(`${namespace}.`)
  const done = await Promise.allSettled([
    tidyKafka(connection, begins),
    tidyRegistry(stack.registry.url, namespace, begins),
    ...databases.map((name) => stack.postgres.dropDatabase?.({ name })),
  ])
  for (const one of done) {
    if (one.status === 'fulfilled') continue
    log.warn(
      { err: one.reason, namespace },
      `something named ${namespace} was left on the stack: ${messageOf(one.reason)}`,
    )
  }
}

async function tidyKafka(connection: KafkaConnection, begins: (name: string) => boolean): Promise<void> {
  const client = connection.open({ requestTimeoutMs: patienceMs })
  const admin = client.kafka.admin()
  try {
    await admin.connect()
    const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId).filter(begins)
    if (groups.length > 0) await admin.deleteGroups(groups)
    const topics = (await admin.listTopics()).filter(begins)
    if (topics.length > 0) await admin.deleteTopics({ topics, timeout: patienceMs })
    await admin.disconnect()
  } finally {
    client.destroy()
  }
}

async function tidyRegistry(
  url: string,
  namespace: string,
  begins: (name: string) => boolean,
): Promise<void> {
  const prefix = encodeURIComponent(`${namespace}.`)
  const { body, problem } = await registryRequest(url, 'GET', `/subjects?subjectPrefix=${prefix}`, patienceMs)
  if (!Array.isArray(body)) throw new Error(`the registry ${problem ?? 'does not list its subjects'}`)
  for (const subject of (body as readonly string[]).filter(begins)) {
    const path = `/subjects/${encodeURIComponent(subject)}`
    // A registry forgets in two steps: first it hides, then it removes.
    const hidden = await registryRequest(url, 'DELETE', path, patienceMs)
    const removed = await registryRequest(url, 'DELETE', `${path}?permanent=true`, patienceMs)
    if (hidden.status !== 200 && removed.status !== 200)
      throw new Error(
        `the registry ${hidden.problem ?? `answers ${hidden.status}`} to the removal of ${subject}`,
      )
  }
}
