import {
  admit,
  causeIdOf,
  type Changes,
  type Codec,
  deadLetterOf,
  type Deciding,
  type Delivery,
  type DocumentName,
  messageOf,
  type Log,
  laneOf,
  reactTo,
  retryVerdictOf,
  type Service,
  stepOf,
  TroupeError,
  withoutRunning,
  type WorkingSet,
} from '@troupe/core'
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import { factsOf, type Heard } from './decode.ts'

/** A record to decide on, with the documents that its reaction's `reads` named. */
export interface Turn {
  readonly heard: Heard
  readonly reads: readonly DocumentName[]
  /** What `reads` threw, or why the record was set aside before: it is dead-lettered without running. */
  readonly refusal?: unknown
}

export interface DecideOptions {
  readonly service: Service
  readonly codec: Codec
  readonly log: Log
  readonly deciding: Deciding
  /** How many calls to the outside may be under way at once. */
  readonly performsMax: number
  /** How often a call to the outside is tried before its event is dead-lettered. */
  readonly performAttemptsMax: number
  readonly signal: AbortSignal
}

/**
 * Decides on a batch: runs each record's reaction on the working set, keys concurrently where there is
 * something to wait for, each key in the order of its records.
 *
 * A reaction that throws leaves nothing behind but its event's dead letter; the others go on.
 *
 * @throws TroupeError `TROUPE_STOPPED` once `signal` aborts; what the codec throws where waiting may help
 */
export async function decideAll(
  turns: readonly Turn[],
  set: WorkingSet,
  options: DecideOptions,
): Promise<void> {
  if (turns.every(({ heard }) => heard.delivery?.bound.reaction.perform === undefined)) {
    // The normal form: everything is pure, nothing to wait for, the order is the log's.
    for (const turn of turns) {
      const pending = decideOne(turn, set, options)
      if (pending) await pending
    }
    return
  }
  const chains = new Map<string, Turn[]>()
  for (const turn of turns) {
    const key = turn.heard.delivery?.event.key ?? ''
    const chain = chains.get(key)
    if (chain) chain.push(turn)
    else chains.set(key, [turn])
  }
  const waiting = [...chains.values()]
  const workers = Array.from({ length: Math.min(options.performsMax, waiting.length) }, async () => {
    for (let chain = waiting.shift(); chain; chain = waiting.shift()) {
      for (const turn of chain) await decideOne(turn, set, options)
    }
  })
  // Every worker is waited for, so that nothing of a failed batch goes on behind its successor's back.
  const ended = await Promise.allSettled(workers)
  const failed = ended.find((end) => end.status === 'rejected')
  if (failed) throw failed.reason
}

/** Synchronous wherever nothing has to be waited for. */
function decideOne(turn: Turn, set: WorkingSet, options: DecideOptions): Promise<void> | undefined {
  const { heard, reads } = turn
  if (!heard.delivery) return void set.apply(setAside(turn, heard.failure, options))
  const { delivery } = heard
  const verdict = admit(delivery, set)
  if (verdict !== 'run') {
    const changes = withoutRunning(delivery, verdict)
    if (changes) set.apply(changes)
    sayUnrun(verdict, heard, options.log)
    return undefined
  }
  if ('refusal' in turn) return void set.apply(setAside(turn, turn.refusal, options))

  const finish = (performed: unknown, done: object | undefined): void => {
    try {
      const lane = laneOf(heard.record)
      set.apply(reactTo(delivery, reads, { performed, done }, set, { deciding: options.deciding, lane }))
    } catch (error) {
      set.apply(setAside(turn, error, options))
    }
  }
  const done = doneOf(delivery, set, options.codec)
  if (!delivery.bound.reaction.perform && !(done instanceof Promise)) return void finish(undefined, done)
  return outside(delivery, done, options).then(
    ({ performed, done: decoded }) => finish(performed, decoded),
    (error: unknown) => {
      if (retryVerdictOf(error) !== 'blame') throw error
      set.apply(setAside(turn, error, options, options.performAttemptsMax))
    },
  )
}

/** The decoded event by which the step of an undo said that it was done. */
function doneOf(delivery: Delivery, set: WorkingSet, codec: Codec): object | Promise<object> | undefined {
  const { undoes } = delivery.bound.reaction
  const step = undoes && stepOf(delivery)
  const bytes = step && set.step(step)?.done
  if (!undoes || !bytes) return undefined
  return codec.decode(undoes.done, bytes) as object | Promise<object>
}

async function outside(
  delivery: Delivery,
  pendingDone: object | Promise<object> | undefined,
  { deciding, performAttemptsMax, signal, log }: DecideOptions,
): Promise<{ readonly performed: unknown; readonly done: object | undefined }> {
  const done = await pendingDone
  const { perform } = delivery.bound.reaction
  if (!perform) return { performed: undefined, done }
  const idempotencyKey = deciding.deriveId(deciding.service, causeIdOf(delivery.event), 'perform')
  const policy = retry(
    handleWhen(() => !signal.aborted),
    {
      maxAttempts: performAttemptsMax - 1,
      backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: 2_000 }),
    },
  )
  policy.onFailure(({ reason }) => {
    const error = 'error' in reason ? reason.error : undefined
    log.warn(
      {
        reaction: delivery.bound.name,
        event: delivery.event.id,
        saga: delivery.event.correlationId,
        err: error,
      },
      `${delivery.bound.name} could not perform: ${messageOf(error)}`,
    )
  })
  try {
    const performed = await policy.execute(
      () => perform(delivery.event as never, { idempotencyKey, signal, done } as never),
      signal,
    )
    return { performed, done }
  } catch (error) {
    if (!signal.aborted) throw error
    throw new TroupeError(
      'TROUPE_STOPPED',
      `${delivery.bound.name} was called off. The event will be handled after the next start.`,
      { cause: error },
    )
  }
}

function setAside(
  { heard }: Turn,
  error: unknown,
  { service, deciding, log }: DecideOptions,
  attempts = 1,
): Changes {
  log.error(
    { ...factsOf(heard), deadLetterTopic: service.deadLetterTopic, err: error },
    `An event could not be handled and goes to ${service.deadLetterTopic}: ${messageOf(error)}`,
  )
  const event = heard.delivery?.event
  return {
    ...(event
      ? {
          inbox: {
            source: event.source,
            id: event.id,
            type: event.type,
            saga: event.correlationId,
            outcome: 'dead-lettered' as const,
          },
        }
      : {}),
    documents: new Map(),
    outbox: [
      deadLetterOf(heard.record, error, {
        group: service.name,
        deadLetterTopic: service.deadLetterTopic,
        timeMs: deciding.timeMs,
        attempts,
      }),
    ],
  }
}

function sayUnrun(verdict: Exclude<ReturnType<typeof admit>, 'run'>, heard: Heard, log: Log): void {
  const facts = { ...factsOf(heard), reaction: heard.delivery?.bound.name, verdict }
  // A second event for a step that is done is the one case that nobody ordered: somebody should look.
  if (verdict === 'step-repeated')
    log.warn(facts, 'a step that is done already was asked for again; nothing was done')
  else log.debug(facts, 'heard, and rightly nothing done')
}
