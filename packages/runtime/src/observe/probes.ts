import { type Ledger, TroupeError } from '@troupe/core'
import { type KafkaConnection, ping, type Receiver, type ReceiverState, type Relay } from '@troupe/kafka'
import type { PulseOptions } from '../service/pulse.ts'
import type { SchemaKeeping } from '../schemas/schema-keeping.ts'

/** One question to a dependency is given this long. */
const answerTimeoutMs = 3_000

/** How to find out whether each dependency answers. */
export function probesOf({
  ledger,
  receiver,
  relay,
  connection,
  schemas,
}: {
  readonly ledger: Pick<Ledger, 'ping'>
  /** Undefined where nothing is heard. */
  readonly receiver: Receiver | undefined
  readonly relay: Relay
  readonly connection: KafkaConnection
  readonly schemas: Pick<SchemaKeeping, 'check'>
}): PulseOptions['probes'] {
  return {
    database: () => within(answerTimeoutMs, 'TROUPE_DATABASE_UNREACHABLE', ledger.ping()),
    kafka: () => probeKafka(receiver, relay, connection),
    registry: () => schemas.check(),
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
