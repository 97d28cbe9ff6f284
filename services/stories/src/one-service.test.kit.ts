// One service of a saga as a value: what it remembers, and what becomes of that on hearing an event.
//
// Invariants
// 1. Everything is decided by core, on the declarations as they are: `admit`, `reactTo`, the working set.
// 2. A service is a value; hearing something makes another one. Equal ones have equal keys, whatever way led there.
// 3. Whether a step was done, called off or undone is watched here from what is said, and not asked of core's
//    own record of steps: the one is held against the other.
import {
  admit,
  type DeadlineName,
  type DeadlineWrite,
  type Delivery,
  decideOn,
  documentName,
  type DocumentRef,
  type Event,
  idsOf,
  type OutgoingRecord,
  reactTo,
  recallFor,
  type Recollection,
  type Request,
  type Service,
  withoutRunning,
  workingSet,
} from '@troupe/core'
import { deriveId } from '@troupe/runtime'

/** What was seen of one step. */
interface Watched {
  /** An event that calls for its undo came before it was done. */
  readonly isCalledOff: boolean
  readonly isDone: boolean
  readonly isUndone: boolean
}

export interface Remembering {
  /** Equal for services that will behave alike. */
  readonly key: string
  readonly ledger: Recollection
  readonly steps: ReadonlyMap<string, Watched>
  /** Its deadlines that are neither lifted nor due yet, each with what it will say. */
  readonly pending: readonly Pending[]
}

interface Pending {
  readonly saga: string
  readonly name: string
  readonly event: Event
}

export interface Heard {
  readonly next: Remembering
  readonly says: readonly Event[]
  /** What must never be: a step undone before it was done, done after it was called off, or twice. */
  readonly wrong: string | undefined
}

/** What `perform` resolves to, for services that call the outside. */
export type Outside = (service: string, event: Event) => unknown

export const asNew: Remembering = {
  key: '',
  ledger: { seen: [], documents: [], steps: [], answers: [], keys: [] },
  steps: new Map(),
  pending: [],
}

const lane = 'saga/0'
export const timeMs = Date.UTC(2026, 0, 2)

function decidingAs(service: Service) {
  return {
    service: service.name,
    deriveId,
    encode: (_type: unknown, data: object) => new TextEncoder().encode(JSON.stringify(data)),
    schemaNameOf: ({ type }: { readonly type: string }) => `json:${type}`,
    timeMs,
    eventBytesMax: 900_000,
  }
}

/** The service after it has heard this event, at whatever place of its topic. */
export function hear(service: Service, before: Remembering, event: Event, outside: Outside): Heard {
  const bound = service.reactions.get(event.type)
  if (!bound) return { next: before, says: [], wrong: undefined }
  const delivery: Delivery = { form: 'event', event, bound }
  const set = workingSet(before.ledger)
  const verdict = admit(delivery, set)
  const deciding = decidingAs(service)
  const { reads } = recallFor([delivery], (causeId) => idsOf(deriveId, service.name, causeId))
  const name = bound.step === undefined ? undefined : { saga: event.correlationId, step: bound.step }
  const done = name && set.step(name)?.done
  const came = {
    performed: bound.reaction.perform && outside(service.name, event),
    done: done ? dataIn(done) : undefined,
  }
  const changes =
    verdict === 'run'
      ? reactTo(delivery, reads[0] ?? [], came, set, { deciding, lane })
      : withoutRunning(delivery, verdict)
  if (changes) set.apply(changes)
  const says = (changes?.outbox ?? []).map((record) => eventIn(service, record))
  const isNew = !before.ledger.seen.some(({ source, id }) => source === event.source && id === event.id)
  const { steps, wrong } = watch(service, before.steps, event, says)
  const ledger = changes ? remember(before.ledger, set.writes()) : before.ledger
  const pending = pendingAfter(service, before.pending, set.writes().deadlines)
  const hadEffect = changes !== undefined && (changes.documents.size > 0 || says.length > 0)
  return {
    next: { key: keyOf(ledger, steps, pending), ledger, steps, pending },
    says,
    wrong: isNew || !hadEffect ? wrong : `${event.type}, heard again under its own id, had an effect`,
  }
}

/** A new service after it was asked for something, and what it then says. */
export function ask(service: Service, name: string, input: object): Heard {
  const command = service.commands.get(name)
  if (!command) throw new Error(`${service.name} has no command ${name}`)
  const request: Request = { form: 'command', name, command, input, inputHash: '', idempotencyKey: 'once' }
  const set = workingSet(asNew.ledger)
  const { reads } = recallFor([request], (causeId) => idsOf(deriveId, service.name, causeId))
  const changes = decideOn(request, reads[0] ?? [], set, decidingAs(service))
  set.apply(changes)
  const ledger = remember(asNew.ledger, set.writes())
  const says = changes.outbox.map((record) => eventIn(service, record))
  const pending = pendingAfter(service, [], set.writes().deadlines)
  const steps = new Map()
  return { next: { key: keyOf(ledger, steps, pending), ledger, steps, pending }, says, wrong: undefined }
}

/** The service after one of its deadlines was met, and what it says by that. */
export function meet({ ledger, steps, pending }: Remembering, met: Pending): Heard {
  const left = pending.filter((one) => one !== met)
  const next = { key: keyOf(ledger, steps, left), ledger, steps, pending: left }
  return { next, says: [met.event], wrong: undefined }
}

function pendingAfter(
  service: Service,
  before: readonly Pending[],
  writes: readonly DeadlineWrite[],
): readonly Pending[] {
  const isOf = (one: DeadlineName, other: DeadlineName) => one.saga === other.saga && one.name === other.name
  const left = before.filter((one) => !writes.some((other) => isOf(one, other)))
  return [
    ...left,
    ...writes.flatMap(({ saga, name, set }) =>
      set ? [{ saga, name, event: eventIn(service, set.record) }] : [],
    ),
  ]
}

/** The document as the service would read it. */
export function documentIn<State extends object>({ ledger }: Remembering, ref: DocumentRef<State>): State {
  const name = documentName(ref)
  const known = readBefore.get(ledger) ?? new Map<string, object>()
  readBefore.set(ledger, known)
  const state = known.get(name) ?? workingSet(ledger).get(ref)
  known.set(name, state)
  return state as State
}

/** Many states of a saga share what one service remembers. */
const readBefore = new WeakMap<Recollection, Map<string, object>>()

function watch(
  service: Service,
  before: Remembering['steps'],
  heard: Event,
  says: readonly Event[],
): { readonly steps: Remembering['steps']; readonly wrong: string | undefined } {
  const steps = new Map(before)
  const wrongs: string[] = []
  for (const { name, reaction, doneType } of new Set(service.reactions.values())) {
    if (!reaction.undoes || doneType === undefined) continue
    let { isCalledOff, isDone, isUndone } = steps.get(doneType) ?? nothingYet
    if (reaction.on.some(({ type }) => type === heard.type) && !isDone) isCalledOff = true
    if (says.some(({ type }) => type === doneType)) {
      if (isDone) wrongs.push(`${doneType} was said twice`)
      if (isCalledOff) wrongs.push(`${doneType} was said after it had been called off`)
      isDone = true
    }
    const ofUndo = reaction.emits.filter((type) => !reaction.undoes?.step.emits.includes(type))
    if (says.some(({ type }) => ofUndo.some((one) => one.type === type))) {
      if (!isDone) wrongs.push(`${name} undid ${doneType} before it was done`)
      if (isUndone) wrongs.push(`${name} undid ${doneType} twice`)
      isUndone = true
    }
    steps.set(doneType, { isCalledOff, isDone, isUndone })
  }
  return { steps, wrong: wrongs[0] }
}

const nothingYet: Watched = { isCalledOff: false, isDone: false, isUndone: false }

function remember(
  before: Recollection,
  writes: ReturnType<ReturnType<typeof workingSet>['writes']>,
): Recollection {
  const documents = new Map(before.documents.map((one) => [documentName(one), one]))
  for (const { kind, key, state } of writes.documents) {
    // Through JSON, as in a database. One saga, one writer at a time: versions decide nothing.
    documents.set(documentName({ kind, key }), {
      kind,
      key,
      version: 1,
      state: JSON.parse(JSON.stringify(state)),
    })
  }
  const steps = new Map(before.steps.map((one) => [`${one.saga} ${one.step}`, one]))
  for (const { expectedState: _, ...step } of writes.steps) steps.set(`${step.saga} ${step.step}`, step)
  return {
    seen: [...before.seen, ...writes.inbox.map(({ source, id }) => ({ source, id }))],
    documents: [...documents.values()],
    steps: [...steps.values()],
    answers: [...before.answers, ...writes.answers],
    keys: [],
  }
}

function keyOf(
  { seen, documents, steps }: Recollection,
  watched: Remembering['steps'],
  pending: readonly Pending[],
): string {
  return JSON.stringify([
    pending.map(({ saga, name }) => `${saga} ${name}`).toSorted(),
    seen.map(({ source, id }) => `${source} ${id}`).toSorted(),
    documents.map(({ kind, key, state }) => [kind, key, state]).toSorted(byFirstTwo),
    steps.map(({ saga, step, state }) => [saga, step, state]).toSorted(byFirstTwo),
    [...watched].toSorted(byFirstTwo),
  ])
}

function byFirstTwo(one: readonly unknown[], other: readonly unknown[]): number {
  return `${String(one[0])} ${String(one[1])}` < `${String(other[0])} ${String(other[1])}` ? -1 : 1
}

function eventIn(service: Service, { id, headers, key, value }: OutgoingRecord): Event {
  return {
    id,
    type: String(headers['ce_type']),
    source: service.name,
    timeMs,
    key: String(key),
    correlationId: String(headers['ce_correlationid']),
    causationId: headers['ce_causationid'] === undefined ? undefined : String(headers['ce_causationid']),
    traceparent: undefined,
    tracestate: undefined,
    data: value ? dataIn(value) : {},
  }
}

function dataIn(bytes: Uint8Array): object {
  return JSON.parse(new TextDecoder().decode(bytes)) as object
}
