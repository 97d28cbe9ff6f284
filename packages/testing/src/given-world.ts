// What a service under test remembers, and how it takes one event or one command up.
//
// Invariants
// 1. A world is a value: taking something up returns another world and leaves this one as it was, so
//    that several tests can start from one.
// 2. Everything is decided by the same functions of core that a running service uses.
// 3. What a reaction gets is frozen (documents by core, events here) and what it gives is copied: a
//    reaction that mutates is found out, and what a test expects is not what a reaction holds.
//
// No ledger stands behind it, not even the one in memory: in a story there are no partitions, nothing is published
// and nobody is faster, and the whole of what is remembered is what the next event is decided on.

import { createHash } from 'node:crypto'
import { serialize } from 'node:v8'
import {
  admit,
  type Changes,
  type DeadlineDue,
  type DeadlineName,
  type DeadlineWrite,
  type Deciding,
  type Delivery,
  type DeriveId,
  decideOn,
  decideTwice,
  documentName,
  type DocumentRef,
  type Event,
  headerNames,
  idsOf,
  type Outcome,
  type OutgoingRecord,
  reactTo,
  recallFor,
  type Recollection,
  type Request,
  type Service,
  stepKey,
  stepOf,
  type TableTransaction,
  transactOn,
  TroupeError,
  type Verdict,
  withoutRunning,
  type WorkingSet,
  workingSet,
} from '@troupe/core'
import { elsewhere } from '@troupe/runtime'
import { jsonCopy, dataCopy, deepFreeze } from './given-copy.ts'

/** All that the service remembers: what its ledger would hold. */
export interface World extends Recollection {
  /** Deadlines and scheduled events that are neither due nor lifted. */
  readonly pending: readonly Pending[]
}

/** A deadline or a scheduled event. */
export interface Pending extends DeadlineName, Emitted {
  readonly due: DeadlineDue
  /** On the service's clock, which is the database's here. */
  readonly dueMs: number
}

/** How an event ended; a duplicate leaves no trace in the inbox, but a test sees it. */
export type Ending = Exclude<Outcome, 'dead-lettered'> | 'duplicate'

export interface Emitted {
  readonly type: string
  readonly data: object
}

/** What came of one event or command. */
export interface Told {
  readonly world: World
  readonly ending: Ending
  readonly emitted: readonly Emitted[]
  /** What began to be pending, and names of what was pending and is no more. */
  readonly scheduled: readonly Pending[]
  readonly lifted: readonly string[]
  readonly answer: unknown
}

/** Time, ids and what the outside said, fixed by the test. */
export interface Circumstances {
  readonly timeMs: number
  /** Ids by the name under which a reaction asks for them; others are derived. */
  readonly ids: Readonly<Record<string, string>>
  readonly checksPurity: boolean
  /** What `perform` resolved to, if the test said so. */
  readonly performed: { readonly result: unknown } | undefined
}

export const emptyWorld: World = { seen: [], documents: [], steps: [], answers: [], keys: [], pending: [] }

const lane = 'given/0'

/** What the broker takes unless it is told otherwise, less what a record adds around the value. */
const eventBytesMax = 900_000

/** The world in which this document holds this state. */
export function withDocument<State extends object>(
  world: World,
  ref: DocumentRef<State>,
  state: State,
): World {
  const { kind, key } = ref
  return remember(world, { documents: [{ kind, key, expectedVersion: 0, state }] }, 0)
}

/** The document as the service would read it. */
export function documentIn<State extends object>(world: World, ref: DocumentRef<State>): State {
  return workingSet(world).get(ref)
}

/** An event at the point where its reaction would run, or would not. */
export interface Turn {
  readonly world: World
  readonly service: Service
  readonly delivery: Delivery
  readonly verdict: Exclude<Verdict, 'parked'>
  readonly given: Circumstances
}

/** Admits one event. @throws Error if the test asks for what cannot be: an event that the service does not hear, a call to the outside whose result it did not say */
export function admitted(world: World, service: Service, event: Event, given: Circumstances): Turn {
  const bound = service.reactions.get(event.type)
  if (!bound) {
    const heard = service.hears.map(({ type }) => type).join(', ')
    throw new Error(`${service.name} does not hear ${event.type}. It hears: ${heard || 'nothing'}.`)
  }
  const delivery: Delivery = { form: 'event', event, bound }
  const verdict = admit(delivery, workingSet(world))
  if (verdict === 'run' && bound.reaction.perform && !given.performed) {
    throw new Error(
      `${service.name}.${bound.name} performs a call to the outside. Say what comes of it: .performs(result) before .when(${event.type}).`,
    )
  }
  return { world, service, delivery, verdict, given }
}

/** Takes up an event that was admitted. @throws what the reaction throws */
export function takeUp({ world, service, delivery, verdict, given }: Turn): Told {
  if (delivery.bound.reaction.transact && verdict === 'run') {
    throw new TypeError(
      `${service.name}.${delivery.bound.name} decides in SQL, which needs a database: await specifyOn(${service.name}).`,
    )
  }
  const set = workingSet(world)
  const { timeMs } = given
  if (verdict !== 'run')
    return told(world, set, withoutRunning(delivery, verdict), { ending: verdict, timeMs })
  const deciding = decidingFor(service, given)
  const { reads, failed } = recallFor([delivery], (causeId) =>
    idsOf(deciding.deriveId, service.name, causeId),
  )
  if (failed.has(0)) throw failed.get(0)
  const performed = { performed: given.performed?.result, done: doneOf(delivery, set) }
  const run = (using: Deciding) =>
    reactTo(delivery, reads[0] ?? [], performed, set, { deciding: using, lane })
  const handler = `${service.name}.${delivery.bound.name}`
  const changes = given.checksPurity
    ? decideTwice({ elsewhere, handler, deciding, inputs: { data: delivery.event.data, ...performed } }, run)
    : run(deciding)
  return told(world, set, changes, { ending: 'applied', timeMs })
}

/** How long an event's SQL may take in a story. */
const unitTimeoutMs = 5_000

/** The same where its reaction may decide in SQL: in that transaction, which stays open. @throws what the reaction throws */
export async function takeUpOn(turn: Turn, transaction: TableTransaction): Promise<Told> {
  const { world, service, delivery, verdict, given } = turn
  if (verdict !== 'run' || !delivery.bound.reaction.transact) return takeUp(turn)
  const set = workingSet(world)
  const deciding = decidingFor(service, given)
  const performed = { performed: given.performed?.result, done: doneOf(delivery, set) }
  const { signal } = new AbortController()
  const outcome = await transaction.unit(
    (sql, ending) =>
      transactOn(delivery, performed, set, { tables: { sql, signal: ending }, deciding, lane }),
    { name: delivery.bound.name, isGuarded: true, timeoutMs: unitTimeoutMs, signal },
  )
  if (!outcome.isDone) throw outcome.error
  return told(world, set, outcome.result, { ending: 'applied', timeMs: given.timeMs })
}

/** Takes up one command. @throws what the command throws; TroupeError `TROUPE_IDEMPOTENCY_KEY_REUSED` */
export function takeUpCommand(world: World, service: Service, request: Request, given: Circumstances): Told {
  const deciding = decidingFor(service, given)
  const set = workingSet(world)
  const before = set.answer(request.name, request.idempotencyKey)
  if (before) {
    if (before.inputHash !== request.inputHash) {
      throw new TroupeError(
        'TROUPE_IDEMPOTENCY_KEY_REUSED',
        `${request.name} was asked with the idempotency key ${request.idempotencyKey} before, with another input. Use a new key.`,
      )
    }
    return { ...nothingOf(world, 'duplicate'), answer: before.answer }
  }
  const { reads, failed } = recallFor([request], (causeId) => idsOf(deciding.deriveId, service.name, causeId))
  if (failed.has(0)) throw failed.get(0)
  const run = (using: Deciding) => decideOn(request, reads[0] ?? [], set, using)
  const handler = `${service.name}.${request.name}`
  const changes = given.checksPurity
    ? decideTwice({ elsewhere, handler, deciding, inputs: { input: request.input } }, run)
    : run(deciding)
  return told(world, set, changes, { ending: 'applied', timeMs: given.timeMs })
}

/** Lets time pass up to a moment: what is due by then is emitted, those due first first. */
export function letTimePass(world: World, untilMs: number): Told {
  const due = world.pending.filter(({ dueMs }) => dueMs <= untilMs)
  return {
    ...nothingOf({ ...world, pending: world.pending.filter((one) => !due.includes(one)) }, 'applied'),
    emitted: due.toSorted((one, other) => one.dueMs - other.dueMs).map(({ type, data }) => ({ type, data })),
  }
}

function nothingOf(world: World, ending: Ending): Told {
  return { world, ending, emitted: [], scheduled: [], lifted: [], answer: undefined }
}

function told(
  world: World,
  set: WorkingSet,
  changes: Changes | undefined,
  { ending, timeMs }: { readonly ending: Ending; readonly timeMs: number },
): Told {
  if (!changes) return nothingOf(world, ending)
  set.apply(changes)
  const after = remember(world, set.writes(), timeMs)
  return {
    world: after,
    ending,
    emitted: changes.outbox.map(emittedOf),
    scheduled: after.pending.filter((one) => !world.pending.includes(one)),
    lifted: world.pending
      .filter((one) => !after.pending.some((other) => isSameName(one, other)))
      .map(({ name }) => name),
    answer: changes.answer?.answer,
  }
}

function isSameName(one: DeadlineName, other: DeadlineName): boolean {
  return one.saga === other.saga && one.name === other.name
}

function pendingAfter(
  pending: readonly Pending[],
  writes: readonly DeadlineWrite[],
  timeMs: number,
): readonly Pending[] {
  const left = pending.filter((one) => !writes.some((other) => isSameName(one, other)))
  const begun = writes.flatMap(({ saga, name, set }) => {
    if (!set) return []
    const dueMs = 'afterMs' in set.due ? timeMs + set.due.afterMs : set.due.atMs
    return [{ saga, name, due: set.due, dueMs, ...emittedOf(set.record) }]
  })
  return [...left, ...begun]
}

function remember(world: World, writes: Partial<ReturnType<WorkingSet['writes']>>, timeMs: number): World {
  const documents = new Map(world.documents.map((one) => [documentName(one), one]))
  for (const { kind, key, expectedVersion, state } of writes.documents ?? []) {
    const stored = { kind, key, version: expectedVersion + 1, state: jsonCopy(state) }
    documents.set(documentName(stored), stored)
  }
  const steps = new Map(world.steps.map((step) => [stepKey(step), step]))
  for (const { expectedState: _, ...step } of writes.steps ?? []) steps.set(stepKey(step), step)
  return {
    seen: [...world.seen, ...(writes.inbox ?? []).map(({ source, id }) => ({ source, id }))],
    documents: [...documents.values()],
    steps: [...steps.values()],
    answers: [...world.answers, ...(writes.answers ?? [])],
    keys: [],
    pending: pendingAfter(world.pending, writes.deadlines ?? [], timeMs),
  }
}

function decidingFor(service: Service, { timeMs, ids }: Circumstances): Deciding {
  const deriveGiven: DeriveId = (...parts) => {
    const [, , kind, name] = parts
    return (kind === 'id' && name !== undefined ? ids[name] : undefined) ?? deriveId(...parts)
  }
  return { service: service.name, deriveId: deriveGiven, encode, schemaNameOf, timeMs, eventBytesMax }
}

/** A UUID out of its parts: the same parts, the same id. */
function deriveId(...parts: readonly string[]): string {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`
}

/** Nobody reads it: there are no records here. */
function schemaNameOf(): string {
  return 'given'
}

/** The data behind bytes that {@link encode} made: no registry is needed to read them again. */
const dataBehind = new WeakMap<Uint8Array, object>()

/** The schema was checked by the event type before; the bytes are only weighed and kept. */
function encode(_type: unknown, data: object): Uint8Array {
  const bytes = serialize(data)
  dataBehind.set(bytes, deepFreeze(dataCopy(data)))
  return bytes
}

function emittedOf({ headers, value }: OutgoingRecord): Emitted {
  return { type: String(headers[headerNames.type]), data: (value && dataBehind.get(value)) ?? {} }
}

function doneOf(delivery: Delivery, set: WorkingSet): object | undefined {
  const step = delivery.bound.reaction.undoes && stepOf(delivery)
  const bytes = step && set.step(step)?.done
  return bytes ? dataBehind.get(bytes) : undefined
}
