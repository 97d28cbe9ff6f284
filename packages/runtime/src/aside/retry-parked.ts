// Tries parked keys of one partition again.
//
// Invariants
// 1. What waits for the outside is done before the partition's turn: reading, decoding, and calls. In the
//    turn it is recalled, decided and settled, like any batch, under the same fence.
// 2. Within a key nothing passes: its records are tried in order, up to the first that fails.
// 3. What was tried counts only if its key is as it was when it was read. If a person has touched it
//    meanwhile, or an attempt whose answer was lost was written, it is left to the next look.
// 4. A call to the outside is made once each time, and is the only record of its key that is tried with it.
// 5. However many are due, batches get their turn after each page; the next page is read meanwhile.
// 6. What cannot be read yet is put off: it was due, and whatever is due after it would never be looked at.

import {
  idsOf,
  isTroupeError,
  type KeyPlace,
  messageOf,
  type ParkedWork,
  type ParkedWorkLimits,
  type PositionMove,
  type RawRecord,
  type RecallRequest,
  recallFor,
  retryVerdictOf,
  type Service,
  TroupeError,
  typeHeaderOf,
  type WorkingSet,
  workingSet,
} from '@troupe/core'
import { linked } from '../abort.ts'
import type { Caution } from '../batch/caution.ts'
import {
  callsOutside,
  decideAll,
  type DecideOptions,
  performAhead,
  type Turn,
  usesTables,
} from '../batch/decide.ts'
import { decode, type Heard } from '../batch/decode.ts'
import type { Parked } from './parked.ts'
import { oneAtATime } from '../batch/one-at-a-time.ts'
import { type Outcomes, performKeysOf, keysStillDue } from '../calls/perform.ts'
import type { RetryOutcome } from './set-aside.ts'
import { mustWait, recallAndSettle, type SettleOptions } from '../batch/settle.ts'
import type { Tracing } from '../observe/tracing.ts'
import { recallAndTransact, type TablesInUse, type Transacting } from '../batch/transact.ts'

export interface RetryOptions
  extends SettleOptions,
    Omit<DecideOptions, 'deciding' | 'signal' | 'outcomes' | 'mayWait' | 'makesTrials' | 'transacting'> {
  readonly deciding: Omit<DecideOptions['deciding'], 'timeMs'>
  readonly now: () => number
  readonly tracing?: Tracing | undefined
  /** Of a service with tables of its own. */
  readonly inTables?: TablesInUse | undefined
  /** Told of each record that was tried again, once what came of it is committed. */
  readonly onRetried?: (reaction: string, outcome: RetryOutcome) => void
}

/** What the partition lends to whoever tries again. */
export interface RetryWithin {
  readonly parked: Parked
  readonly caution: Caution
  /** One thing at a time is done with a partition. */
  inTurn(work: () => Promise<void>): Promise<void>
  /** The fence: the position where it is. Undefined once the partition is let go of. */
  fence(): PositionMove | undefined
  /** Aborted when the partition is let go of. */
  readonly released: AbortSignal
  /** To be aborted when somebody else has the partition: a batch may be long in coming that would find out. */
  readonly fencing: AbortController
}

/** How much is read at once. */
const limits = { recordsPerKeyMax: 25, bytesMax: 4 * 1024 * 1024 }
const keysPerTurn = 100
/** How long what cannot be read is put off: the longer, the more of a page it is. */
const putOffMs = (keys: number): number => Math.max(1_000, 300 * keys)

/** What came of keys that were to be tried. */
export interface Retried {
  /** How many records were, and how many keys were put off: none of them is due as it was. */
  readonly tried: number
  /** Whether more of these keys is due at once. */
  readonly isMore: boolean
}

/** The same of a page. */
interface Summary extends Retried {
  /** Whether as much is parked of each of its keys as before. */
  readonly isWhole: boolean
}

/** A key, and what of it is tried this time. */
interface Trial {
  readonly work: ParkedWork
  readonly turns: readonly Turn[]
  /** Why nothing of it can be read yet: its schema, or the registry, is waited for. */
  readonly awaits?: unknown
}

/**
 * How to try keys again that are due. Never rejects: what could not be tried is due still, and is found by the
 * next look. Keys that are being tried already are passed over.
 */
export function createRetry(
  options: RetryOptions,
  within: RetryWithin,
): (keys: readonly KeyPlace[]) => Promise<Retried> {
  const { parked } = within
  /** Pages of several looks do not stand in line for the partition's turn together. */
  const pageByPage = oneAtATime()

  async function retryAll(due: readonly KeyPlace[]): Promise<Retried> {
    const keys = parked.takeInHand(due)
    const { signal, unlink } = linked(options.signal, within.released)
    const all: Summary[] = []
    try {
      await retryPages(keys, all, signal)
      const isCounted = parked.state.keys > 0 && all.every(({ isWhole }) => isWhole)
      if (keys.length > 0 && !isCounted && !signal.aborted) await within.inTurn(() => parked.count())
    } catch (error) {
      if (isTroupeError(error, 'TROUPE_FENCED')) within.fencing.abort()
      if (retryVerdictOf(error) !== 'let-go' && error !== later) {
        options.sparingLog.say(
          'warn',
          'could not retry',
          { keys: keys.length, err: error },
          `what is parked could not be tried again, and is left for later: ${messageOf(error)}`,
        )
      }
    } finally {
      parked.letGo(keys)
      unlink()
    }
    return {
      tried: all.reduce((sum, { tried }) => sum + tried, 0),
      isMore: all.some(({ isMore }) => isMore),
    }
  }

  /** Page by page; adds what came of each. */
  async function retryPages(keys: readonly KeyPlace[], all: Summary[], signal: AbortSignal): Promise<void> {
    let ahead: Promise<readonly ParkedWork[]> | undefined
    for (let start = 0; start < keys.length && !signal.aborted; ) {
      // Needed for the first ones, if at all.
      if (within.caution.isNeededFor('parked')) {
        all.push(await retryAlone(keys.slice(start, start + 1), signal))
        start += 1
        continue
      }
      const read = () => workOf(keys.slice(start, start + keysPerTurn), signal, limits)
      const work = await (ahead ?? read())
      start += keysPerTurn
      ahead = start < keys.length ? read() : undefined
      // Whoever waits for it hears of it, if anybody does by then.
      ahead?.catch(() => {})
      all.push(summaryOf(await tryWork(work, signal), isMoreOf))
    }
  }

  /** Only the heads: what is behind one that does not stay is due at once. */
  async function retryAlone(keys: readonly KeyPlace[], signal: AbortSignal): Promise<Summary> {
    const all: Trial[] = []
    for (const work of await workOf(keys, signal, { ...limits, recordsPerKeyMax: 1 })) {
      const [head] = work.records
      const tryIt = async (lethal?: TroupeError) => {
        const trials = lethal && head ? [lethalTrial(work, head, lethal)] : await tryWork([work], signal)
        if (lethal) await settleTrials(trials, new WeakMap(), signal)
        all.push(...trials)
      }
      if (head) await within.caution.alone({ what: 'parked', record: head }, signal, tryIt)
      else await tryIt()
    }
    return summaryOf(all, hasLeft)
  }

  function workOf(
    keys: readonly KeyPlace[],
    signal: AbortSignal,
    bounds: ParkedWorkLimits,
  ): Promise<readonly ParkedWork[]> {
    const read = () => options.ledger.parkedWork(keys, bounds)
    return options.dependencies.insist('database', 'read what is parked', read, signal)
  }

  async function tryWork(work: readonly ParkedWork[], signal: AbortSignal): Promise<readonly Trial[]> {
    // All at once: where the registry gives no answer, nobody waits for it longer than for one.
    const trials = await Promise.all(work.map((one) => trialOf(one, options)))
    await putOff(trials, signal)
    await trySome(
      trials.filter(({ awaits }) => awaits === undefined),
      signal,
    )
    return trials
  }

  async function trySome(trials: readonly Trial[], signal: AbortSignal): Promise<void> {
    const isCalling = ({ turns }: Trial) => turns.some(callsOutside)
    const outcomes: Outcomes = new WeakMap()
    const settleSome = (some: readonly Trial[]) => pageByPage(() => settleTrials(some, outcomes, signal))
    await settleSome(trials.filter((trial) => !isCalling(trial)))
    const calling = trials.filter(isCalling)
    if (calling.length > 0) {
      await callAhead(calling, outcomes, signal)
      await settleSome(calling)
    }
  }

  /** Those of which nothing can be read yet. */
  async function putOff(trials: readonly Trial[], signal: AbortSignal): Promise<void> {
    const waiting = trials.filter(({ awaits }) => awaits !== undefined)
    const [first] = waiting
    if (!first) return
    const delayMs = putOffMs(waiting.length)
    const keys = waiting.map(({ work }) => ({ ...placeOf(work), version: work.version }))
    const write = () => options.ledger.putOffKeys(keys, delayMs)
    await options.dependencies.insist('database', 'put off what is parked', write, signal)
    const { topic, partition } = first.work
    options.sparingLog.say(
      'warn',
      'waits for a schema',
      { topic, partition, keys: keys.length, delayMs, err: first.awaits },
      `parked events of ${keys.length} keys cannot be read yet, and are tried again in ${delayMs / 1_000} s: ${messageOf(first.awaits)}`,
    )
  }

  /** Makes the calls, as far as they are to be made, while the partition goes on. */
  async function callAhead(trials: readonly Trial[], outcomes: Outcomes, signal: AbortSignal): Promise<void> {
    const { request, turns } = requestOf(trials)
    const recall = () => options.ledger.recall(request)
    const recalled = await options.dependencies.insist('database', 'recall', recall, signal)
    const made = { ...decidingNow(outcomes, signal), mayWait: true }
    await performAhead(turns, workingSet(recalled), made)
  }

  /** If the database refuses it, what was tried is halved until the guilty one stands alone. */
  async function settleTrials(
    trials: readonly Trial[],
    outcomes: Outcomes,
    signal: AbortSignal,
    refusal?: { readonly error: unknown },
  ): Promise<void> {
    if (trials.length === 0) return
    try {
      await within.inTurn(() => settleInTurn(trials, outcomes, signal, refusal))
    } catch (error) {
      if (retryVerdictOf(error) !== 'blame' || error === later || refusal) throw error
      const [only] = trials
      if (only && trials.length === 1) {
        const [head] = only.turns
        if (only.turns.length > 1 && head) {
          await settleTrials([{ ...only, turns: [head] }], outcomes, signal)
          return
        }
        await settleTrials(trials, outcomes, signal, { error })
        return
      }
      const middle = Math.ceil(trials.length / 2)
      await settleTrials(trials.slice(0, middle), outcomes, signal)
      await settleTrials(trials.slice(middle), outcomes, signal)
    }
  }

  async function settleInTurn(
    trials: readonly Trial[],
    outcomes: Outcomes,
    signal: AbortSignal,
    refusal: { readonly error: unknown } | undefined,
  ): Promise<void> {
    const fence = within.fence()
    if (!fence) return
    const { tracing } = options
    const { request, turns } = requestOf(trials, refusal, tracing)
    const spans = turns.flatMap(({ span }) => span ?? [])
    let tried: readonly Turn[] = []
    const decide = async (set: WorkingSet, transacting?: Transacting) => {
      const taken = new Set(trials.filter((trial) => takeInHand(trial, set)).map(({ work }) => work.key))
      tried = turns.filter(({ retry }) => retry && taken.has(retry.key.key))
      for (const { retry } of tried) if (retry) retry.outcome = undefined
      await decideAll(tried, set, { ...decidingNow(outcomes, signal), transacting }).catch(notNow)
    }
    const { inTables } = options
    const deliveries = turns.flatMap(({ heard }) => heard.delivery ?? [])
    const stillDue = (set: WorkingSet) => keysStillDue(deliveries, set, options.deciding)
    const settling = () =>
      inTables && turns.some(usesTables)
        ? recallAndTransact(() => request, fence, decide, { ...options, inTables, signal, stillDue })
        : recallAndSettle(request, fence, (set) => decide(set), { ...options, signal, stillDue })
    try {
      await (tracing ? tracing.batch(fence, spans, settling) : settling())
    } catch (error) {
      options.keptResults.abandon(request.performed ?? [])
      for (const span of spans) span.failed('abandoned', error)
      throw error
    }
    for (const span of spans) span.committed()
    for (const { heard, retry } of tried) {
      if (retry?.outcome) options.onRetried?.(heard.delivery?.bound.name ?? 'unreadable', retry.outcome)
    }
  }

  function decidingNow(outcomes: Outcomes, signal: AbortSignal): DecideOptions {
    const deciding = { ...options.deciding, timeMs: options.now() }
    // Tried already, and to be tried again: once is enough each time.
    const once = { mayWait: false, makesTrials: true, performAttemptsMax: 1 }
    return { ...options, ...once, deciding, signal, outcomes }
  }

  function requestOf(
    trials: readonly Trial[],
    refusal?: { readonly error: unknown },
    tracing?: Tracing,
  ): { readonly request: RecallRequest; readonly turns: readonly Turn[] } {
    const { deciding, service } = options
    const all = trials.flatMap(({ turns }) => turns)
    const deliveries = all.flatMap(({ heard }) => heard.delivery ?? [])
    const { request, reads, failed } = recallFor(deliveries, (causeId) =>
      idsOf(deciding.deriveId, service.name, causeId),
    )
    let index = 0
    const turns = all.map((turn): Turn => {
      const span = tracing?.process(turn.heard)
      if (!turn.heard.delivery) return { ...turn, span }
      const at = index++
      const names = reads[at] ?? []
      const refused = refusal ?? (failed.has(at) ? { error: failed.get(at) } : undefined)
      return { ...turn, span, reads: names, ...(refused ? { refusal: refused.error } : {}) }
    })
    const performed = performKeysOf(deliveries, deciding)
    const keys = trials.map(({ work }) => placeOf(work))
    return { request: { ...request, keys, ...(performed.length > 0 ? { performed } : {}) }, turns }
  }

  return retryAll
}

function summaryOf(trials: readonly Trial[], isMoreOfOne: (trial: Trial) => boolean): Summary {
  return {
    tried: trials.reduce((sum, trial) => sum + triedOf(trial), 0),
    isMore: trials.some(isMoreOfOne),
    isWhole: trials.every(isWhole),
  }
}

function triedOf({ awaits, turns }: Trial): number {
  return awaits === undefined ? turns.filter(({ retry }) => retry?.outcome).length : 1
}

/** Whether nothing was taken away from a key: its head failed, or cannot be read. */
function isWhole({ awaits, turns: [head] }: Trial): boolean {
  const outcome = head?.retry?.outcome
  return awaits !== undefined || outcome === 'failed' || outcome === 'paused'
}

/** Whether all that was tried of a key was handled, and more of it was there. */
function isMoreOf({ work, turns }: Trial): boolean {
  const { length } = work.records
  return (
    turns.length > 0 &&
    turns.every(({ retry }) => retry?.outcome === 'handled') &&
    (length > turns.length || length === limits.recordsPerKeyMax)
  )
}

/** Whether the head of its key, which alone was tried, waits no longer. */
function hasLeft({ turns: [head] }: Trial): boolean {
  const outcome = head?.retry?.outcome
  return outcome === 'handled' || outcome === 'dead-lettered'
}

/** Whether it is still as it was read. */
function takeInHand({ work }: Trial, set: WorkingSet): boolean {
  return set.keys.take(work.key, work.version)
}

/** A call that was not to be made a moment ago is to be made now: it is made the next time, before the turn. */
const later = new Error('What is parked has changed while it was tried.')

function notNow(error: unknown): never {
  throw error === mustWait ? later : error
}

/** What of a key can be tried: up to what has to wait, for a schema or for the registry. */
async function trialOf(work: ParkedWork, options: RetryOptions): Promise<Trial> {
  const turns: Turn[] = []
  for (const record of work.records) {
    let heard: Heard | undefined
    try {
      ;[heard] = await decode(options.service, options.codec, [record], () => {})
    } catch (error) {
      if (retryVerdictOf(error) !== 'wait') throw error
      if (turns.length === 0) return { work, turns, awaits: error }
      break
    }
    // Some version of the service heard it, and owes it: a person has to say what becomes of it.
    heard ??= { record, failure: notHeard(record, options.service) }
    const turn = turnOf(work, record, heard)
    // A call to the outside is alone.
    if (callsOutside(turn)) {
      if (turns.length === 0) turns.push(turn)
      break
    }
    turns.push(turn)
  }
  // Where nothing is left of a key, it is let go of by being tried.
  return { work, turns }
}

function notHeard({ topic, headers }: RawRecord, { name }: Service): TroupeError {
  return new TroupeError(
    'TROUPE_EVENT_NOT_HEARD',
    `This version of ${name} does not hear ${typeHeaderOf(headers) ?? 'the event'} of ${topic}, which another one had parked. Redrive it with a version that does, or discard it.`,
  )
}

/** Its head is not tried any more, nor even decoded. */
function lethalTrial(work: ParkedWork, head: ParkedWork['records'][number], lethal: TroupeError): Trial {
  return { work, turns: [turnOf(work, head, { record: head, failure: lethal })] }
}

function turnOf(work: ParkedWork, record: ParkedWork['records'][number], heard: Heard): Turn {
  const isHead = record === work.records[0]
  return {
    heard,
    reads: [],
    span: undefined,
    retry: {
      key: placeOf(work),
      attempts: isHead ? work.attempts : 0,
      firstFailedAtMs: isHead ? work.firstFailedAtMs : undefined,
      redrives: record.redrives,
      outcome: undefined,
    },
  }
}

function placeOf({ topic, partition, key }: KeyPlace): KeyPlace {
  return { topic, partition, key }
}
