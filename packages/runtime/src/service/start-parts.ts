import { commandLane, type Service } from '@troupe/core'
import { linked } from '../abort.ts'
import { prepareTopics } from './connecting.ts'
import type { ServiceParts } from './create-parts.ts'
import type { DependencyName } from './dependencies.ts'
import type { Settings } from '../settings/environment.ts'
import { publishLeftovers } from '../batch/leftovers.ts'
import { attemptTimeoutMs } from '../settings/limits.ts'
import { allOrFirstRefusal, insistUntil, whereIs } from './starting.ts'

export interface StartOptions {
  readonly service: Service
  readonly settings: Settings
  /** Ends the start. */
  readonly signal: AbortSignal
  /** Opens the service's HTTP server, which answers from the first moment on. */
  readonly listen: () => Promise<void>
  /** Called as soon as commands can be taken. */
  readonly joining: () => void
}

/** Does something, again and again, until it works or the start is over. */
type Need = <T>(
  name: DependencyName,
  doing: string,
  attempt: () => Promise<T>,
  canDoWithout?: (error: unknown) => boolean,
) => Promise<T>

/**
 * Prepares the ledger, the schemas and the topics beside each other, publishes what an earlier process left,
 * then joins the consumer group. Waits for what is away, until `startTimeoutMs` are over.
 *
 * @throws what refused the start
 */
export async function startParts(parts: ServiceParts, options: StartOptions): Promise<void> {
  const { settings, signal, listen, joining } = options
  const {
    relay,
    receiver,
    settling,
    pulse,
    lookout,
    backPressure,
    retention,
    firing,
    retries,
    recounts,
    counts,
    dependencies,
    now,
  } = parts
  const sinceMs = now()
  const deadline = AbortSignal.timeout(settings.startTimeoutMs)
  const failing = new AbortController()
  const patience = linked(deadline, failing.signal, signal)
  const need: Need = (name, doing, attempt, canDoWithout) =>
    insistUntil({ signal: patience.signal, deadline }, dependencies, {
      name,
      doing,
      attempt,
      sinceMs,
      where: whereIs(name, settings),
      ...(canDoWithout ? { canDoWithout } : {}),
    })
  try {
    await listen()
    await prepare(parts, options, { need, callOff: () => failing.abort() })
    await need('kafka', 'start publishing', () => relay.start())
    await need('kafka', 'publish what was left in the outbox', () =>
      publishLeftovers(commandLane, { ...settling, signal: patience.signal }),
    )
    joining()
    pulse.start()
    lookout.start()
    backPressure.start()
    retention.start()
    firing.start()
    retries.start()
    recounts.start()
    counts.start()
    if (receiver) await need('kafka', 'join the consumer group', () => receiver.start())
  } finally {
    patience.unlink()
  }
}

async function prepare(
  { ledger, inTables, schemas, connection, dependencies }: ServiceParts,
  { service, settings }: StartOptions,
  { need, callOff }: { readonly need: Need; readonly callOff: () => void },
): Promise<void> {
  /** The registry is away, and what the ledger remembers is enough to start with. */
  function goOnWithout(error: unknown): void {
    if (!schemas.canDoWithout(error)) throw error
    dependencies.report('registry', error)
    schemas.sayDoneWithout()
  }

  await allOrFirstRefusal(
    [
      need('database', 'prepare the ledger', async () => {
        await ledger.migrate()
        await inTables?.tables.migrate(service.tables ?? [])
        await schemas.recall()
      }),
      need('registry', 'register the schemas', schemas.register, schemas.canDoWithout).catch(goOnWithout),
      need('kafka', 'prepare the topics', () =>
        prepareTopics(connection, service, settings, attemptTimeoutMs),
      ),
    ],
    callOff,
  )
}
