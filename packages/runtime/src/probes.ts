import { type Ledger, messageOf, TroupeError } from '@troupe/core'
import { type KafkaConnection, ping, type Receiver, type ReceiverState, type Relay } from '@troupe/kafka'
import type { PulseOptions } from './pulse.ts'

/** One question to a dependency is given this long. */
const answerTimeoutMs = 3_000

/** How to find out whether each dependency answers. */
export function probesOf({
  ledger,
  receiver,
  relay,
  connection,
  registryUrl,
}: {
  readonly ledger: Pick<Ledger, 'ping'>
  /** Undefined where nothing is heard. */
  readonly receiver: Receiver | undefined
  readonly relay: Relay
  readonly connection: KafkaConnection
  readonly registryUrl: string
}): PulseOptions['probes'] {
  return {
    database: () => within(answerTimeoutMs, 'TROUPE_DATABASE_UNREACHABLE', ledger.ping()),
    kafka: () => probeKafka(receiver, relay, connection),
    registry: () => probeRegistry(registryUrl),
  }
}

/** Both sides know by themselves when they are in trouble; only where nothing flows Kafka has to be asked. */
async function probeKafka(
  receiver: Receiver | undefined,
  relay: Relay,
  connection: KafkaConnection,
): Promise<void> {
  const [problem] = relay.state.problems
  if (problem) throw unreachable(`publishing to ${problem.topic} fails: ${problem.message}`)
  const { phase, silentSinceMs, problem: lost }: Partial<ReceiverState> = receiver?.state ?? {}
  if (phase === 'recovering')
    throw unreachable(`the consumer group was lost: ${lost ?? 'no reason is known'}`)
  if (phase === 'receiving' && silentSinceMs === undefined) return
  await ping(connection, { timeoutMs: answerTimeoutMs })
}

function unreachable(why: string): TroupeError {
  return new TroupeError(
    'TROUPE_KAFKA_UNREACHABLE',
    `Kafka: ${why}. It is tried again; check that the brokers run.`,
  )
}

/** Whatever a registry answers, short of a failure of its own, it is there. */
async function probeRegistry(registryUrl: string): Promise<void> {
  const url = new URL(registryUrl)
  const { username, password } = url
  url.username = ''
  url.password = ''
  url.search = ''
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/config`
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
  let status: number
  try {
    const answer = await fetch(url, {
      headers: username === '' ? {} : { authorization: `Basic ${credentials.toString('base64')}` },
      signal: AbortSignal.timeout(answerTimeoutMs),
    })
    await answer.body?.cancel()
    status = answer.status
  } catch (cause) {
    throw new TroupeError(
      'TROUPE_REGISTRY_UNREACHABLE',
      `The registry at ${url.origin} does not answer: ${reasonIn(cause)}. Check that it runs.`,
      { cause },
    )
  }
  if (status < 500) return
  throw new TroupeError(
    'TROUPE_REGISTRY_UNREACHABLE',
    `The registry at ${url.origin} answers with status ${status}. Look at its log.`,
  )
}

/** `fetch` says "fetch failed", and why in its cause. */
function reasonIn(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined
  const all =
    typeof cause === 'object' && cause !== null && 'errors' in cause ? (cause.errors as unknown[]) : []
  return all.length > 0 ? all.map(messageOf).join('; ') : messageOf(cause ?? error)
}

async function within(
  timeoutMs: number,
  code: 'TROUPE_DATABASE_UNREACHABLE',
  asked: Promise<void>,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new TroupeError(code, `The database did not answer within ${timeoutMs} ms.`)),
      timeoutMs,
    )
  })
  try {
    await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
