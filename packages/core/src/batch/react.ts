import type { Verdict } from './admit.ts'
import { causeIdOf, type Delivery, type Request, requestId, stepOf } from './delivery.ts'
import { headerNames, type TraceContext } from '../event/envelope.ts'
import { TroupeError } from '../errors.ts'
import { type Handling, openHandling, type TablesInHand } from './handling.ts'
import { flawOfJson, type Json } from '../event/json.ts'
import {
  commandLane,
  type DeadlineWrite,
  type DocumentName,
  type OutgoingRecord,
  type StepName,
  type StoredStep,
} from '../ports.ts'
import type { Deciding, TraceEmitted } from './saying.ts'
import type { BoundReaction } from '../declare/service.ts'
import type { Changes, WorkingSet } from './working-set.ts'

export interface Performed {
  /** What `perform` resolved to; undefined where there is none. */
  readonly performed: unknown
  /** For an undo: the decoded event by which its step said that it was done. */
  readonly done: object | undefined
}

/**
 * Runs a reaction on the working set and returns what it changes, without applying it.
 *
 * Only what {@link admit} says `run` to, with nothing awaited in between: whoever waits, for `perform` or
 * for a decoder, admits once more.
 *
 * @param reads what the declaration's `reads` named for this delivery
 * @throws whatever the reaction throws; TroupeError `TROUPE_EVENT_NOT_DECLARED`, `TROUPE_EVENT_INVALID`,
 *   `TROUPE_EVENT_TOO_LARGE`, `TROUPE_DOCUMENT_NOT_READ`, `TROUPE_DOCUMENT_INVALID`, `TROUPE_REACTION_ASYNC`,
 *   `TROUPE_STEP_DONE_TWICE`, `TROUPE_SCHEDULE_INVALID`
 */
export function reactTo(
  delivery: Delivery,
  reads: readonly DocumentName[],
  { performed, done }: Performed,
  set: WorkingSet,
  {
    deciding,
    lane,
    traceEmitted,
  }: {
    readonly deciding: Deciding
    readonly lane: string
    readonly traceEmitted?: TraceEmitted | undefined
  },
): Changes {
  const { react } = delivery.bound.reaction
  if (!react) throw new TypeError(`${delivery.bound.name} has no \`react\`, and needs a database to be run.`)
  const known = knownStep(delivery, set)
  const readable = readableBy(delivery, reads, set)
  const handling = handlingOf(delivery, readable, { performed, done }, set, { deciding, lane, traceEmitted })
  handling.run(react, delivery.event)
  return changesOf(delivery, handling, { known, touched: reads })
}

/**
 * The same for a reaction with tables of its own: runs its `transact`, and returns what the ledger is to remember
 * of it if its SQL is committed.
 *
 * @throws as {@link reactTo}; whatever its SQL does
 */
export async function transactOn(
  delivery: Delivery,
  { performed, done }: Performed,
  set: WorkingSet,
  {
    tables,
    ...how
  }: {
    readonly tables: TablesInHand
    readonly deciding: Deciding
    readonly lane: string
    readonly traceEmitted?: TraceEmitted | undefined
  },
): Promise<Changes> {
  const { transact } = delivery.bound.reaction
  if (!transact) throw new TypeError(`${delivery.bound.name} has no \`transact\`.`)
  const known = knownStep(delivery, set)
  const handling = handlingOf(delivery, [], { performed, done }, set, how)
  await handling.runLater(transact, delivery.event, tables)
  return changesOf(delivery, handling, { known, touched: [] })
}

function knownStep(delivery: Delivery, set: WorkingSet): StoredStep | undefined {
  const step = delivery.bound.reaction.form === 'undo' ? stepOf(delivery) : undefined
  return step && set.step(step)
}

function handlingOf(
  { event, bound }: Delivery,
  readable: readonly DocumentName[],
  { performed, done }: Performed,
  set: WorkingSet,
  {
    deciding,
    lane,
    traceEmitted,
  }: {
    readonly deciding: Deciding
    readonly lane: string
    readonly traceEmitted?: TraceEmitted | undefined
  },
): Handling {
  return openHandling(`${deciding.service}.${bound.name}`, readable, set, deciding, {
    causeId: causeIdOf(event),
    correlationId: event.correlationId,
    causationId: event.id,
    emits: bound.reaction.emits,
    deadline: bound.reaction.deadline,
    lane,
    performed,
    done,
    trace: event,
    traceEmitted,
  })
}

function changesOf(
  delivery: Delivery,
  { documents, outbox, deadlines }: Handling,
  { known, touched }: { readonly known: StoredStep | undefined; readonly touched: readonly DocumentName[] },
): Changes {
  const { event, bound } = delivery
  const step = stepOf(delivery)
  return {
    inbox: {
      source: event.source,
      id: event.id,
      type: event.type,
      saga: event.correlationId,
      outcome: 'applied',
    },
    documents,
    step: step && stepAfter(step, { bound, known, outbox, touched }),
    outbox,
    deadlines: joined(liftedBy(delivery), deadlines),
  }
}

/** The documents that a reaction may read: those that it names; for an undo, those of its step as well. */
export function readableBy(
  delivery: Delivery,
  reads: readonly DocumentName[],
  set: Pick<WorkingSet, 'step'>,
): readonly DocumentName[] {
  const step = delivery.bound.reaction.form === 'undo' ? stepOf(delivery) : undefined
  const known = step && set.step(step)
  return known ? [...reads, ...known.touched] : reads
}

/** What is recorded of a delivery whose reaction does not run; undefined for a duplicate, of which nothing is. */
export function withoutRunning(
  delivery: Delivery,
  verdict: Exclude<Verdict, 'run' | 'parked'>,
): Changes | undefined {
  if (verdict === 'duplicate') return undefined
  const { event } = delivery
  const step = stepOf(delivery)
  return {
    inbox: {
      source: event.source,
      id: event.id,
      type: event.type,
      saga: event.correlationId,
      outcome: verdict,
    },
    documents: new Map(),
    step:
      verdict === 'barred' && step
        ? { saga: step.saga, step: step.step, state: 'barred', done: null, touched: [] }
        : undefined,
    outbox: [],
    // It has been answered, whatever came of the answer.
    deadlines: liftedBy(delivery),
  }
}

/** The deadlines of its saga that wait for this event. */
function liftedBy({ event, bound }: Delivery): readonly DeadlineWrite[] {
  const names = bound.lifts.get(event.type)
  return names ? names.map((name) => ({ saga: event.correlationId, name, set: undefined })) : none
}

const none: readonly DeadlineWrite[] = []

function joined(lifted: readonly DeadlineWrite[], set: readonly DeadlineWrite[]): readonly DeadlineWrite[] {
  return lifted.length === 0 ? set : [...lifted, ...set]
}

/**
 * Runs a command on the working set and returns what it changes, its answer included, without applying it.
 *
 * @param trace where the caller is in a trace of his
 * @throws as {@link reactTo}
 */
export function decideOn(
  request: Request,
  reads: readonly DocumentName[],
  set: WorkingSet,
  deciding: Deciding,
  {
    trace = untraced,
    traceEmitted,
  }: { readonly trace?: TraceContext | undefined; readonly traceEmitted?: TraceEmitted | undefined } = {},
): Changes & { readonly answer: NonNullable<Changes['answer']> } {
  const handling = openHandling(`${deciding.service}.${request.name}`, reads, set, deciding, {
    causeId: requestId(request),
    correlationId: undefined,
    causationId: undefined,
    emits: request.command.emits,
    deadline: request.command.deadline,
    lane: commandLane,
    performed: undefined,
    done: undefined,
    trace,
    traceEmitted,
  })
  const answer = handling.run(request.command.react, request.input)
  const flaw = answer === undefined ? undefined : flawOfJson(answer)
  if (flaw) {
    throw new TroupeError(
      'TROUPE_DOCUMENT_INVALID',
      `${deciding.service}.${request.name} answered what cannot be kept as JSON: ${flaw}. Answer plain data.`,
      { details: { command: request.name } },
    )
  }
  const { name: command, idempotencyKey, inputHash } = request
  return {
    documents: handling.documents,
    outbox: handling.outbox,
    deadlines: handling.deadlines,
    answer: { command, idempotencyKey, inputHash, answer: answer as Json | undefined },
  }
}

const untraced: TraceContext = { traceparent: undefined, tracestate: undefined }

// Spelled out, here as wherever an object is made per event: a spread with properties after it costs a microsecond.
function stepAfter(
  { saga, step }: StepName,
  {
    bound,
    known,
    outbox,
    touched,
  }: {
    bound: BoundReaction
    known: StoredStep | undefined
    outbox: readonly OutgoingRecord[]
    touched: readonly DocumentName[]
  },
): StoredStep | undefined {
  if (bound.reaction.form === 'undo') {
    return { saga, step, state: 'undone', done: known?.done ?? null, touched: known?.touched ?? [] }
  }
  const [done, second] = outbox.filter(({ headers }) => headers[headerNames.type] === bound.doneType)
  if (second) {
    throw new TroupeError(
      'TROUPE_STEP_DONE_TWICE',
      `${bound.name} emitted ${bound.doneType} twice, and its undo would get the first one only. Say in one event everything that there is to undo.`,
      { details: { saga, step, type: bound.doneType } },
    )
  }
  if (!done?.value) return undefined
  return {
    saga,
    step,
    state: 'done',
    done: done.value,
    touched: touched.map(({ kind, key }) => ({ kind, key })),
  }
}
