import net from 'node:net'
import { TroupeError } from '@troupe/core'
import type { KafkaConnection } from './client.ts'
import { problemOf } from './kafka-error.ts'

export interface PingOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number
}

/**
 * Resolves with the number of brokers if Kafka can be worked with from here: some named broker answers, and
 * at least one of the addresses that it sends its clients to accepts a connection.
 *
 * @throws TroupeError `TROUPE_KAFKA_UNREACHABLE`, naming the addresses and what is wrong with them.
 */
export async function ping(connection: KafkaConnection, options: PingOptions = {}): Promise<number> {
  const timeoutMs = options.timeoutMs ?? 5_000
  const { brokers } = connection.settings
  const client = connection.open({ connectionTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs, retries: 0 })
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    const admin = client.kafka.admin({ retry: { retries: 0 } })
    const asked = (async () => {
      await admin.connect()
      return await admin.describeCluster()
    })()
    const { brokers: advertised } = await beforeDeadline(asked, deadline, timeoutMs)
    await refuseUnreachable(connection, advertised, deadline)
    return advertised.length
  } catch (error) {
    if (error instanceof TroupeError) throw error
    throw unreachable(`Kafka at ${brokers.join(', ')} ${reasonOf(error)}`, { brokers }, error)
  } finally {
    client.destroy()
  }
}

async function refuseUnreachable(
  connection: KafkaConnection,
  advertised: readonly { readonly host: string; readonly port: number }[],
  deadline: AbortSignal,
): Promise<void> {
  const tried = await Promise.allSettled(advertised.map((address) => knock(address, deadline)))
  if (tried.some(({ status }) => status === 'fulfilled')) return
  const addresses = advertised.map(({ host, port }) => `${host}:${port}`)
  const { brokers } = connection.settings
  const [first] = tried
  throw unreachable(
    `Kafka answers at ${brokers.join(', ')}, but sends its clients to ${addresses.join(', ') || 'no broker at all'}, which cannot be reached from here. Set the brokers' advertised.listeners to an address that this machine can reach.`,
    { brokers, advertised: addresses },
    first?.status === 'rejected' ? first.reason : undefined,
  )
}

async function knock(
  address: { readonly host: string; readonly port: number },
  deadline: AbortSignal,
): Promise<void> {
  const socket = net.connect(address)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
      deadline.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true })
    })
  } finally {
    socket.destroy()
  }
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
  const { type, name, message } = problemOf(error)
  if (name === 'KafkaJSSASLAuthenticationError' || type === 'SASL_AUTHENTICATION_FAILED') {
    return `refused the credentials: ${message}. Check the user name, the password and the mechanism.`
  }
  return `cannot be reached: ${message}. Check the address, and that the broker is running.`
}

function unreachable(message: string, details: Record<string, unknown>, cause: unknown): TroupeError {
  return new TroupeError('TROUPE_KAFKA_UNREACHABLE', message, { cause, details })
}
