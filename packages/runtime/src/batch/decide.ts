import {
  admit,
  type Changes,
  type Codec,
  decideTwice,
  type Deciding,
  type Delivery,
  type DocumentName,
  type Elsewhere,
  documentName,
  isTroupeError,
  laneOf,
  type Log,
  type PerformContext,
  reactTo,
  readableBy,
  refuseUnread,
  retryVerdictOf,
  stepKey,
  stepOf,
  type TraceEmitted,
  transactOn,
  type Verdict,
  withoutRunning,
  type WorkingSet,
} from '@troupe/core'
import { factsOf, type Heard } from './decode.ts'
import { barring, ending, isCalledHere, settingAside } from './in-doubt.ts'
import { type PerformFor, performFor, type PerformOptions } from '../calls/perform.ts'
import { follow, handled, paused, type Retry, setAside, type SetAsideOptions } from '../aside/set-aside.ts'
import type { WorkSpan } from '../observe/tracing.ts'
import type { Transacting } from './transact.ts'

/** A record to decide on, with the documents that its reaction's `reads` named. */
export interface Turn {
  readonly heard: Heard
  readonly reads: readonly DocumentName[]
  /** Where somebody traces. */
  readonly span: WorkSpan | undefined
  /** What `reads` threw, or why the database refused what came of it: it has failed without running. */
  readonly refusal?: unknown
  /** Set where it is parked, and tried again. */
  readonly retry?: Retry
}

export interface DecideOptions extends PerformOptions, SetAsideOptions {
  readonly codec: Codec
  readonly log: Log
  readonly deciding: Deciding
  /** In development: reactions are run twice, the second time in there, and must say the same. */
  readonly elsewhere?: Elsewhere | undefined
  /** How many calls to the outside may be under way at once. */
  readonly performsMax: number
  /** Where some of it is decided in SQL: then one after the other, and no call to the outside is made. */
  readonly transacting?: Transacting | undefined
}

/** Whether a record's reaction asks the outside before it decides. */
export function callsOutside({ heard }: Pick<Turn, 'heard'>): boolean {
  return heard.delivery?.bound.reaction.perform !== undefined
}

/** Whether a record's reaction decides in SQL. */
export function usesTables({ heard }: Pick<Turn, 'heard'>): boolean {
  return heard.delivery?.bound.reaction.transact !== undefined
}

/**
 * Decides on a batch: runs each record's reaction on the working set. Where there is something to wait
 * for, records go on side by side unless they share a key or a step; those that do keep their order.
 *
 * A reaction that throws leaves nothing behind, and its event is set aside: those behind it of its key follow
 * it, the others go on.
 *
 * @throws TroupeError `TROUPE_STOPPED` once `signal` aborts; what the codec throws where waiting may help;
 *   `mustWait` if it may not wait for the outside and would have to
 */
export async function decideAll(
  turns: readonly Turn[],
  set: WorkingSet,
  options: DecideOptions,
): Promise<void> {
  if (options.transacting || !turns.some(callsOutside)) {
    // The normal form: everything is pure, nothing to wait for, the order is the log's.
    for (const turn of turns) {
      const pending = decideOne(turn, set, options)
      if (pending) await pending
    }
    return
  }
  const waiting = chainsOf(turns)
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

/**
 * Cuts a batch into chains that may go on side by side: records of one key are in one chain, and so are a
 * step and its undo, whatever their keys. Each in the order of the log.
 */
function chainsOf(turns: readonly Turn[]): Turn[][] {
  const earlier: number[] = []
  const firstOf = (place: number): number => {
    let first = place
    for (let before = earlier[first]; before !== undefined && before !== first; before = earlier[first])
      first = before
    return first
  }
  const lastWith = new Map<string, number>()
  const chains = new Map<number, Turn[]>()
  for (const [place, turn] of turns.entries()) {
    earlier[place] = place
    for (const name of namesIn(turn)) {
      const [one, other] = [firstOf(place), firstOf(lastWith.get(name) ?? place)]
      earlier[Math.max(one, other)] = Math.min(one, other)
      lastWith.set(name, Math.min(one, other))
    }
  }
  for (const [place, turn] of turns.entries()) {
    const first = firstOf(place)
    const chain = chains.get(first)
    if (chain) chain.push(turn)
    else chains.set(first, [turn])
  }
  return [...chains.values()]
}

/** What two records have in common that must be decided on in their order. */
export function namesIn({ heard: { delivery }, retry }: Pick<Turn, 'heard' | 'retry'>): string[] {
  const parked = retry ? [`parked ${retry.key.key}`] : []
  if (!delivery) return ['undecodable', ...parked]
  const step = stepOf(delivery)
  return [`key ${delivery.event.key}`, ...(step ? [`step ${stepKey(step)}`] : []), ...parked]
}

/** Synchronous wherever nothing has to be waited for. */
function decideOne(turn: Turn, set: WorkingSet, options: DecideOptions): Promise<void> | undefined {
  const { heard, retry } = turn
  // One before it has failed again: it stays where it is.
  if (retry && set.keys.isParked(retry.key.key)) return void turn.span?.became('parked')
  if (!heard.delivery) return void set.apply(setAside(turn, heard.failure, options))
  const { delivery } = heard
  if (!isAdmitted(turn, delivery, set, options)) return undefined
  if ('refusal' in turn) return void set.apply(failed(turn, delivery, turn.refusal, options))
  const done = doneOf(delivery, set, options.codec)
  const { perform, transact } = delivery.bound.reaction
  if (!perform && !transact && !(done instanceof Promise)) {
    return void react(turn, delivery, { performed: undefined, done }, set, options)
  }
  return decideLater(turn, delivery, done, set, options)
}

async function decideLater(
  turn: Turn,
  delivery: Delivery,
  decoding: Done | Promise<Done>,
  set: WorkingSet,
  options: DecideOptions,
): Promise<void> {
  const done = await decoding
  const isReadable = !done?.failure
  const outcome = isReadable
    ? await performFor(delivery, callOf(turn, delivery, done, set, options), options)
    : undefined
  // Others may have been decided on in the meantime.
  if (!isAdmitted(turn, delivery, set, options)) return
  if (outcome?.form === 'failed') set.apply(failed(turn, delivery, outcome.error, options))
  else if (outcome?.form === 'paused')
    set.apply(settingAside(paused(turn, delivery, outcome.error, options), delivery, options.outcomes))
  else if (delivery.bound.reaction.transact)
    await transact(turn, delivery, { performed: outcome?.performed, done }, set, options)
  else react(turn, delivery, { performed: outcome?.performed, done }, set, options)
}

function failed(turn: Turn, delivery: Delivery, error: unknown, options: DecideOptions): Changes {
  return settingAside(setAside(turn, error, options), delivery, options.outcomes)
}

/** What a call gets beside its event. */
function callOf(
  turn: Turn,
  delivery: Delivery,
  done: Done,
  set: WorkingSet,
  options: DecideOptions,
): PerformFor {
  return { done: done?.data, span: turn.span, set, get: readingFor(turn, delivery, set, options) }
}

/** What a call may read: as much as its reaction. */
function readingFor(
  { reads }: Turn,
  delivery: Delivery,
  set: WorkingSet,
  { deciding }: DecideOptions,
): PerformContext['get'] {
  return (ref) => {
    const names = readableBy(delivery, reads, set).map(documentName)
    if (!names.includes(documentName(ref))) refuseUnread(ref, `${deciding.service}.${delivery.bound.name}`)
    return set.get(ref)
  }
}

/**
 * Makes the calls to the outside of turns that are to be decided on later, where nothing may wait: what they
 * come to is in `outcomes` by then. One turn of a key at most.
 *
 * @throws as {@link decideAll}
 */
export async function performAhead(
  turns: readonly Turn[],
  set: WorkingSet,
  options: DecideOptions,
): Promise<void> {
  const waiting = [...turns]
  const workers = Array.from({ length: Math.min(options.performsMax, waiting.length) }, async () => {
    for (let turn = waiting.shift(); turn; turn = waiting.shift()) {
      const { delivery } = turn.heard
      if (!delivery || 'refusal' in turn) continue
      if (verdictOf(turn, delivery, set, options) !== 'run') continue
      const done = await doneOf(delivery, set, options.codec)
      if (!done?.failure) await performFor(delivery, callOf(turn, delivery, done, set, options), options)
    }
  })
  const ended = await Promise.allSettled(workers)
  const failed = ended.find((end) => end.status === 'rejected')
  if (failed) throw failed.reason
}

/** Whether a delivery's reaction is to run; if not, what is recorded of it is applied. */
function isAdmitted(turn: Turn, delivery: Delivery, set: WorkingSet, options: DecideOptions): boolean {
  const { heard, retry } = turn
  const verdict = verdictOf(turn, delivery, set, options)
  if (verdict === 'run') return true
  if (verdict === 'parked') set.apply(follow(heard.record, delivery))
  else {
    const changes = withoutRunning(delivery, verdict)
    if (changes && verdict === 'barred') set.apply(barring(changes, turn, delivery, { set, ...options }))
    else if (changes) set.apply(ending(changes, delivery, set))
    if (retry) set.apply(handled(turn, retry))
  }
  turn.span?.became(verdict)
  sayUnrun(verdict, turn, options.log)
  return false
}

function verdictOf(
  { heard, retry }: Turn,
  delivery: Delivery,
  set: WorkingSet,
  { outcomes }: DecideOptions,
): Verdict {
  const record = retry ? undefined : heard.record
  return admit(delivery, set, record, isCalledHere(delivery, outcomes))
}

function react(
  turn: Turn,
  delivery: Delivery,
  { performed, done }: { readonly performed: unknown; readonly done: Done },
  set: WorkingSet,
  options: DecideOptions,
): void {
  try {
    if (done?.failure) throw done.failure.error
    const lane = laneOf(turn.heard.record)
    const { deciding, elsewhere, service } = options
    const came = { performed, done: done?.data }
    const traceEmitted = turn.span?.react()
    const run = (using: Deciding, traced: TraceEmitted | undefined) =>
      reactTo(delivery, turn.reads, came, set, { deciding: using, lane, traceEmitted: traced })
    const decided = () => (elsewhere ? twice(elsewhere) : run(deciding, traceEmitted))
    const twice = (there: Elsewhere) =>
      decideTwice(
        {
          elsewhere: there,
          handler: `${service.name}.${delivery.bound.name}`,
          deciding,
          inputs: { data: delivery.event.data, ...came },
        },
        (using, isAgain) => run(using, isAgain ? undefined : traceEmitted),
      )
    set.apply(ending(options.blocking.watch(delivery.bound.name, decided), delivery, set))
    if (turn.retry) set.apply(handled(turn, turn.retry))
    turn.span?.became('applied')
  } catch (error) {
    // A schema that is not registered yet is not the event's fault.
    if (isTroupeError(error, 'TROUPE_SCHEMA_AWAITED')) throw error
    set.apply(failed(turn, delivery, error, options))
  }
}

/** @throws whatever else than the event itself is in its way */
async function transact(
  turn: Turn,
  delivery: Delivery,
  { performed, done }: { readonly performed: unknown; readonly done: Done },
  set: WorkingSet,
  options: DecideOptions,
): Promise<void> {
  if (done?.failure) return set.apply(failed(turn, delivery, done.failure.error, options))
  const { deciding, transacting, blocking } = options
  if (!transacting) throw new TypeError(`${delivery.bound.name} decides in SQL, and there is no transaction.`)
  const came = { performed, done: done?.data }
  const lane = laneOf(turn.heard.record)
  const traceEmitted = turn.span?.react()
  const outcome = await transacting.run(delivery, (tables) =>
    blocking.watch(delivery.bound.name, () =>
      transactOn(delivery, came, set, { tables, deciding, lane, traceEmitted }),
    ),
  )
  if (!outcome.isDone) return set.apply(failed(turn, delivery, outcome.error, options))
  set.apply(ending(outcome.result, delivery, set))
  if (turn.retry) set.apply(handled(turn, turn.retry))
  turn.span?.became('applied')
}

/** For an undo: the decoded event by which its step said that it was done, or why it cannot be decoded. */
type Done =
  | { readonly data: object; readonly failure?: undefined }
  | { readonly data?: undefined; readonly failure: { readonly error: unknown } }
  | undefined

/** @throws where waiting may help */
function doneOf(delivery: Delivery, set: WorkingSet, codec: Codec): Done | Promise<Done> {
  const { undoes } = delivery.bound.reaction
  const step = undoes && stepOf(delivery)
  const bytes = step && set.step(step)?.done
  if (!undoes || !bytes) return undefined
  const failed = (error: unknown): Done => {
    if (retryVerdictOf(error) !== 'blame') throw error
    return { failure: { error } }
  }
  try {
    const data = codec.decode(undoes.done, bytes) as object | Promise<object>
    return data instanceof Promise ? data.then((decoded) => ({ data: decoded }), failed) : { data }
  } catch (error) {
    return failed(error)
  }
}

function sayUnrun(verdict: Exclude<Verdict, 'run'>, { heard, span }: Turn, log: Log): void {
  const facts = { ...factsOf(heard, span?.traceId), reaction: heard.delivery?.bound.name, verdict }
  // A second event for a step that is done is the one case that nobody ordered: somebody should look.
  if (verdict === 'step-repeated')
    log.warn(facts, 'a step that is done already was asked for again; nothing was done')
  else if (verdict === 'parked') log.debug(facts, 'put behind what is parked of its key')
  else log.debug(facts, 'heard, and rightly nothing done')
}
