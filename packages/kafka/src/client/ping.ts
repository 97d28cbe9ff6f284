import { isTroupeError, TroupeError } from '@troupe/core'
import { clusterOf, type KafkaConnection } from './client.ts'
import { denialOf, tlsAdviceOn } from './denial.ts'
import { problemOf } from './kafka-error.ts'

export interface PingOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number
}

/**
 * Resolves with the number of brokers if Kafka can be worked with from here: some named broker answers, and
 * at least one of the addresses that it sends its clients to accepts a connection.
 *
 * @throws TroupeError `TROUPE_KAFKA_UNREACHABLE`, naming the addresses and what is wrong with them;
 *   `TROUPE_ACCESS_DENIED`, naming the user.
 */
export async function ping(connection: KafkaConnection, options: PingOptions = {}): Promise<number> {
  const timeoutMs = options.timeoutMs ?? 5_000
  const { brokers } = connection.settings
  const client = connection.open({ connectionTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs, retries: 0 })
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    const cluster = clusterOf(client)
    const asked = (async () => {
      await cluster.connect()
      await cluster.refreshMetadata()
    })()
    await beforeDeadline(asked, deadline, timeoutMs)
    const ids = cluster.getNodeIds().map(String)
    const tried = Promise.allSettled(ids.map((nodeId) => cluster.findBroker({ nodeId })))
    refuseUnreachable(connection, await beforeDeadline(tried, deadline, timeoutMs))
    return ids.length
  } catch (error) {
    if (isTroupeError(error)) throw error
    const denial = denialOf(error, connection, { operation: 'Describe' })
    throw denial ?? unreachable(`Kafka at ${brokers.join(', ')} ${reasonOf(error)}`, { brokers }, error)
  } finally {
    client.destroy()
  }
}

/** One broker that can be reached will do: the others may be down for a while. */
function refuseUnreachable(
  connection: KafkaConnection,
  tried: readonly PromiseSettledResult<unknown>[],
): void {
  if (tried.some(({ status }) => status === 'fulfilled')) return
  const reasons = tried.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  const advertised = reasons.map(addressIn).filter((address) => address !== undefined)
  const { brokers } = connection.settings
  const said = reasons.length > 0 ? ` (${problemOf(reasons[0]).message})` : ''
  throw unreachable(
    `Kafka answers at ${brokers.join(', ')}, but sends its clients to ${advertised.join(', ') || 'no broker'}, which cannot be reached from here${said}. ${tlsAdviceOn(reasons[0]) ?? "Set the brokers' advertised.listeners to an address that this machine can reach."}`,
    { brokers, advertised },
    reasons[0],
  )
}

/** kafkajs's connection errors name the broker that they were about. */
function addressIn(error: unknown): string | undefined {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const { broker } = at as { readonly broker?: unknown }
    if (typeof broker === 'string') return broker
  }
  return undefined
}

async function beforeDeadline<Result>(
  asked: Promise<Result>,
  deadline: AbortSignal,
  timeoutMs: number,
): Promise<Result> {
  const late = new Promise<never>((_resolve, reject) => {
    deadline.addEventListener('abort', () => reject(new LateError(timeoutMs)), { once: true })
  })
  return await Promise.race([asked, late])
}

class LateError extends Error {
  readonly timeoutMs: number
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof LateError) {
    return `did not answer within ${error.timeoutMs} ms. Check that this is a Kafka listener, and that both sides agree on TLS.`
  }
  const advice = tlsAdviceOn(error) ?? 'Check the address, and that the broker is running.'
  return `cannot be reached: ${problemOf(error).message}. ${advice}`
}

function unreachable(message: string, details: Record<string, unknown>, cause: unknown): TroupeError {
  return new TroupeError('TROUPE_KAFKA_UNREACHABLE', message, { cause, details })
}
