import { type Deadline, type DeadlineDeclaration, deadlineOf, type When } from './deadline.ts'
import {
  capital,
  eventTypeOf,
  eventTypesOf,
  fieldsOf,
  functionIfAny,
  functionOf,
  hasForm,
  isEventType,
  isList,
  type Limits,
  listed,
  namesIfAny,
  namesOf,
  refuseDeclaration,
  refuseUnfitNumbers,
  refuseUnknownFields,
  refuseValue,
  settingOf,
} from './declared.ts'
import type { DocumentRef } from './document.ts'
import type { AnyEventType, DataOf, EventOf, InputOfAll } from './event-type.ts'
import { declaredPolicy, type RetryPolicy } from './retry-policy.ts'
import { shown } from './shown.ts'
import type { Sql } from './tables.ts'

/** One event type or several. */
export type OneOrMore<T> = T | readonly T[]
export type Each<T> = T extends readonly (infer One)[] ? One : T

/**
 * What `react` may do. Everything it says takes effect together, in the ledger's transaction, or not at all.
 */
export interface ReactContext<Emits extends AnyEventType = AnyEventType, Performed = unknown> {
  /**
   * The document as it stands now, earlier events of the same batch included. Do not mutate it: `put` a new one.
   * @throws TroupeError `TROUPE_DOCUMENT_NOT_READ` if `reads` did not name it; `TROUPE_DOCUMENT_INVALID` for what
   *   is no document.
   */
  get<State extends object>(this: void, ref: DocumentRef<State>): Readonly<State>
  /** Replaces a document that `reads` named. @throws TroupeError as `get` does, and for a state that is no JSON */
  put<State extends object>(this: void, ref: DocumentRef<State>, state: State): void
  /**
   * Emits an event, which is published once the transaction has committed.
   * @throws TroupeError `TROUPE_EVENT_INVALID` if the schema refuses the data, with the field's path;
   *   `TROUPE_EVENT_NOT_DECLARED` for what is not in `emits`; `TROUPE_EVENT_TOO_LARGE`.
   */
  emit<Type extends Emits>(this: void, type: Type, data: InputOfAll<Type>): void
  /**
   * Emits an event later: once, when it is due by the database's clock, unless it is lifted before. A saga has
   * one of each name, the event's type unless another is given: scheduled again, it is the new one that counts.
   * @throws TroupeError as `emit` does; `TROUPE_SCHEDULE_INVALID` for a time or a name that cannot be.
   */
  schedule<Type extends Emits>(
    this: void,
    type: Type,
    data: InputOfAll<Type>,
    when: When & { readonly name?: string },
  ): void
  /**
   * Takes back what this saga, or the named one, has scheduled under a name; nothing happens if that is over.
   * @throws TroupeError `TROUPE_SCHEDULE_INVALID` for a name or a saga that cannot be.
   */
  lift(this: void, what: AnyEventType | string, saga?: string): void
  /** What `perform` resolved to. */
  readonly performed: Performed
  /** An id that is the same each time this event is handled; `name` tells several apart. A UUID. */
  id(this: void, name?: string): string
  /** When the service took the event up, in milliseconds since the epoch. */
  readonly timeMs: number
}

/** What `transact` may do: what `react` may, but for documents, and SQL on the service's own tables. */
export interface TransactContext<Emits extends AnyEventType = AnyEventType, Performed = unknown>
  extends Omit<ReactContext<Emits, Performed>, 'get' | 'put'> {
  /**
   * The service's own tables, in the transaction that also writes the ledger: all of it commits, or none. Only
   * until `transact` has ended. A statement that the database refuses ends the transaction for this event.
   */
  readonly sql: Sql
  /** Aborted when the time is over, the service stops or the partition is lost. */
  readonly signal: AbortSignal
}

/** When the calls to the outside of one reaction pause, and for how long. */
export interface BreakerPolicy {
  /**
   * So many failures in a row, of whatever events, pause all calls of the reaction. From 1 on; more than an event
   * has attempts: an event that comes alone may be set aside before.
   */
  readonly failuresMax: number
  /** The first pause; then one call is tried, and each time that it fails the pause grows. */
  readonly pauseMs: number
  readonly pauseMsMax: number
}

/** What `perform` gets for its call to the outside. */
export interface PerformContext {
  /**
   * A document that `reads` named, as it stands before the call; `react` gets it as it stands then.
   * @throws TroupeError `TROUPE_DOCUMENT_NOT_READ` if `reads` did not name it.
   */
  get<State extends object>(this: void, ref: DocumentRef<State>): Readonly<State>
  /** The same for every attempt at this event, and for every event that calls for this undo: hand it to the other side. */
  readonly idempotencyKey: string
  /**
   * Aborted when this attempt's time is over (`TROUPE_PERFORM_TIMEOUT_MS`), the service stops or the partition is
   * lost.
   */
  readonly signal: AbortSignal
}

/** The two forms in which a reaction decides: on documents, or on tables of the service's own. */
type Deciding<Event, Context, Transacting> =
  | {
      /** The documents it needs. Pure. Default: none. An undo has those of its step besides. */
      readonly reads?: (event: Event) => readonly DocumentRef[]
      /**
       * Decides. Pure and synchronous: no I/O, no clock, no randomness. (`void | undefined`: a function that
       * returns a promise fits plain `void`.)
       */
      readonly react: (event: Event, context: Context) => void | undefined
      readonly transact?: undefined
    }
  | {
      /**
       * Decides, in SQL on tables of the service's own, instead of `react`. It runs again from the start where its
       * transaction was rolled back, so whatever it does beyond its `sql` has to bear that.
       */
      readonly transact: (event: Event, context: Transacting) => Promise<void>
      readonly react?: undefined
      readonly reads?: undefined
    }

export type ReactionDeclaration<
  On extends OneOrMore<AnyEventType>,
  Emits extends readonly AnyEventType[],
  Performed,
  From extends Emits[number] = Emits[number],
  Overdue extends AnyEventType = AnyEventType,
> = ReactionTerms<On, Emits, Performed, From, Overdue> &
  Deciding<
    EventOf<Each<On>>,
    ReactContext<Emits[number], Performed>,
    TransactContext<Emits[number], Performed>
  >

interface ReactionTerms<
  On extends OneOrMore<AnyEventType>,
  Emits extends readonly AnyEventType[],
  Performed,
  From extends Emits[number],
  Overdue extends AnyEventType,
> {
  /** The event, or events, it hears. */
  readonly on: On
  /** Everything it may emit; what is not in here does not compile. */
  readonly emits: Emits
  /** For how long its saga waits for an answer to what it emits, and what is said if none comes. */
  readonly deadline?: DeadlineDeclaration<From, Overdue>
  /**
   * Says that what it does stands, whatever fails later: it has no undo and needs none. `troupe graph --check`
   * asks for this, or for an undo, of a reaction that may change something before somebody else fails.
   */
  readonly final?: boolean
  /**
   * The call to the outside, before `react` or `transact`. May run more than once, with the same idempotency key.
   * What it resolves to is JSON, or nothing: it is kept until it is settled. Write it above `react`, so that the
   * type of `performed` is known there.
   */
  readonly perform?: (event: EventOf<Each<On>>, context: PerformContext) => Promise<Performed>
  /** When its calls pause because the other side is out of order; `false`: never. Default: the settings'. */
  readonly breaker?: Partial<BreakerPolicy> | false
  /** What is done when it fails, where that differs from what holds for the whole service. */
  readonly retry?: Partial<RetryPolicy>
}

/** What one service does on hearing one event. Inert: nothing happens until a service that holds it is started. */
export interface Reaction<On extends AnyEventType = AnyEventType, Emits extends AnyEventType = AnyEventType> {
  readonly form: 'reaction' | 'undo'
  readonly on: readonly On[]
  readonly emits: readonly Emits[]
  readonly deadline: Deadline | undefined
  readonly reads: ((event: never) => readonly DocumentRef[]) | undefined
  readonly perform: ((event: never, context: PerformContext) => Promise<unknown>) | undefined
  /** As far as it was declared; false where its calls never pause. */
  readonly breaker: Partial<BreakerPolicy> | false | undefined
  /** Undefined where it has `transact` instead. */
  readonly react: ((event: never, context: never) => void) | undefined
  readonly transact: ((event: never, context: never) => Promise<void>) | undefined
  /** True if it was declared that what it does stands, whatever fails later. */
  readonly isFinal: boolean
  /** Set on an undo: the step it undoes, and the event that says that the step was done. */
  readonly undoes: { readonly step: Reaction; readonly done: AnyEventType } | undefined
  /** As far as it was declared. */
  readonly retry: Partial<RetryPolicy> | undefined
}

const ownNames = ['on', 'emits', 'reads', 'perform', 'react', 'transact', 'breaker', 'retry']
const namesOfReaction = [...ownNames, 'deadline', 'final']
const namesOfUndo = ['undoes', ...ownNames]

/**
 * Declares a reaction.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID` if a value is not of its type, or has a name that no reaction
 *   knows; if it hears nothing, or one event twice; if it has not exactly one of `react` and `transact`; if its
 *   `retry` or its `breaker` is malformed; or if its deadline begins with what it never emits, waits for nothing,
 *   or for no time that can be.
 */
export function reaction<
  const On extends OneOrMore<AnyEventType>,
  const Emits extends readonly AnyEventType[],
  Performed = undefined,
  From extends Emits[number] = Emits[number],
  Overdue extends AnyEventType = AnyEventType,
>(declaration: ReactionDeclaration<On, Emits, Performed, From, Overdue>): Reaction<Each<On>, Emits[number]> {
  const declared = fieldsOf(
    declaration,
    'The declaration of a reaction',
    'Give `reaction` an object with `on`, `emits` and `react`.',
  )
  const heard = namesIfAny(declared.on)
  const whose = heard ? `the reaction to ${heard}` : 'a reaction'
  refuseUnknownFields(declared, namesOfReaction, whose)
  const common = commonOf<On, Emits>(declared, whose)
  const { deadline, final = false } = declared
  if (typeof final !== 'boolean') refuseValue(final, 'final', whose, 'Use true, or leave it out.')
  return {
    form: 'reaction',
    ...common,
    deadline: deadlineOf(deadline, common.emits, whose),
    isFinal: final,
    undoes: undefined,
  }
}

interface ToUndo<Done extends AnyEventType> {
  /** The event by which the step said that it was done: what there is to undo. */
  readonly done: DataOf<Done>
}

/** What an undo's `react` gets beside the rest. */
export interface UndoContext<Emits extends AnyEventType, Performed, Done extends AnyEventType>
  extends ReactContext<Emits, Performed>,
    ToUndo<Done> {}

/** What an undo's `transact` gets beside the rest. */
export interface UndoTransactContext<Emits extends AnyEventType, Performed, Done extends AnyEventType>
  extends TransactContext<Emits, Performed>,
    ToUndo<Done> {}

export type UndoDeclaration<
  Done extends AnyEventType,
  On extends OneOrMore<AnyEventType>,
  Emits extends readonly AnyEventType[],
  Performed,
> = UndoTerms<Done, On, Emits, Performed> &
  Deciding<
    EventOf<Each<On>>,
    UndoContext<Emits[number], Performed, Done>,
    UndoTransactContext<Emits[number], Performed, Done>
  >

interface UndoTerms<
  Done extends AnyEventType,
  On extends OneOrMore<AnyEventType>,
  Emits extends readonly AnyEventType[],
  Performed,
> {
  /** Which of the step's events says that there is something to undo. */
  readonly undoes: Done
  /** The event, or events, that call for it. Never one that the step itself hears or emits. */
  readonly on: On
  readonly emits: Emits
  /** The call to the outside, with what the step said. Write it above `react`. */
  readonly perform?: (
    event: EventOf<Each<On>>,
    context: PerformContext & { readonly done: DataOf<Done> },
  ) => Promise<Performed>
  /** As a reaction's. */
  readonly breaker?: Partial<BreakerPolicy> | false
  /** As of a reaction; without `attempts` of its own it is tried until it works. */
  readonly retry?: Partial<RetryPolicy>
}

type OnOf<Step> = Step extends Reaction<infer On, infer _Emits> ? On : never
type EmitsOf<Step> = Step extends Reaction<infer _On, infer Emits> ? Emits : never
/** Refuses, at compile time, an undo on an event that the step itself hears or emits. */
type NotOf<Step, On extends OneOrMore<AnyEventType>> =
  Extract<EventTypeName<Each<On>>, EventTypeName<OnOf<Step> | EmitsOf<Step>>> extends never ? On : never
type EventTypeName<E> = E extends { readonly type: infer Name } ? Name : never

/**
 * Declares the compensating reaction of a step, which thereby becomes one.
 *
 * It runs at most once per saga, and only if the step was done: the ledger keeps each step's state. Heard
 * before the step, it bars the step; heard again, it does nothing.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID` as {@link reaction}; if the step is none, or cannot be undone;
 *   if it does not emit `undoes`; or if it hears or emits itself what calls for the undo.
 */
export function undo<
  Step extends Reaction,
  const Done extends EmitsOf<Step>,
  const On extends OneOrMore<AnyEventType>,
  const Emits extends readonly AnyEventType[],
  Performed = undefined,
>(
  step: Step,
  declaration: UndoDeclaration<Done, On, Emits, Performed> & { readonly on: NotOf<Step, On> },
): Reaction<Each<On>, Emits[number]> {
  const declared = fieldsOf(
    declaration as UndoDeclaration<Done, On, Emits, Performed>,
    'The declaration of an undo',
    'Give `undo` the step, and then an object with `undoes`, `on`, `emits` and `react`.',
  )
  const heard = namesIfAny(declared.on)
  const whose = heard ? `the undo on ${heard}` : 'an undo'
  refuseUnfitStep(step, whose)
  refuseUnknownFields(declared, namesOfUndo, whose)
  const common = commonOf<On, Emits>(declared, whose)
  const done = eventTypeOf(declared.undoes, 'undoes', whose)
  if (!step.emits.includes(done)) {
    refuseDeclaration(
      `${capital(whose)} undoes ${done.type}, which its step never emits. Name one of: ${namesOf(step.emits)}.`,
    )
  }
  const own = common.on.find((type) => step.on.includes(type) || step.emits.includes(type))
  if (own) {
    refuseDeclaration(
      `The undo on ${own.type} would undo its step by an event that the step itself hears or emits. Name the event of whoever failed later.`,
    )
  }
  return { form: 'undo', ...common, deadline: undefined, isFinal: false, undoes: { step, done } }
}

/** True for what {@link reaction} or {@link undo} made, of any copy of this package, and for what has its form. */
export function isReaction(value: unknown): value is Reaction {
  if (!hasForm(value, ['reaction', 'undo'])) return false
  const { on, react, transact } = value as Partial<Reaction>
  return Array.isArray(on) && on.every(isEventType) && (react === undefined) !== (transact === undefined)
}

function refuseUnfitStep(step: Reaction, whose: string): void {
  if (!isReaction(step)) {
    refuseDeclaration(
      `${capital(whose)} undoes ${shown(step)}, which is no reaction. Give \`undo\` the step first, and then what undoes it.`,
    )
  }
  if (step.undoes) {
    refuseDeclaration(
      `${capital(whose)} names another undo as its step. An undo cannot be undone: name the reaction that did it.`,
    )
  }
  if (step.isFinal) {
    refuseDeclaration(
      `${capital(whose)} undoes a reaction that is declared \`final\`: what it does stands. Leave out one of the two.`,
    )
  }
}

interface Common<On extends OneOrMore<AnyEventType>, Emits extends readonly AnyEventType[]> {
  readonly on: On
  readonly emits: Emits
  readonly reads?: unknown
  readonly perform?: unknown
  readonly react?: unknown
  readonly transact?: unknown
  readonly breaker?: Partial<BreakerPolicy> | false
  readonly retry?: Partial<RetryPolicy>
}

/** What a reaction and an undo declare alike. */
function commonOf<On extends OneOrMore<AnyEventType>, Emits extends readonly AnyEventType[]>(
  declared: Common<On, Emits>,
  whose: string,
): Pick<
  Reaction<Each<On>, Emits[number]>,
  'on' | 'emits' | 'reads' | 'perform' | 'breaker' | 'react' | 'transact' | 'retry'
> {
  const on = heardBy(declared.on, whose) as readonly Each<On>[]
  const emits = eventTypesOf<AnyEventType>(declared.emits, 'emits', whose) as readonly Emits[number][]
  const { retry } = declared
  return {
    on,
    emits,
    reads: functionIfAny(declared.reads, 'reads', whose) as Reaction['reads'],
    perform: functionIfAny(declared.perform, 'perform', whose) as Reaction['perform'],
    breaker: breakerOf(declared, whose),
    ...formOf(declared, whose),
    retry: retry === undefined ? undefined : declaredPolicy(retry, whose),
  }
}

/** What TypeScript says of exactly one form, said again for who does not ask it. */
function formOf(
  {
    react,
    transact,
    reads,
  }: { readonly react?: unknown; readonly transact?: unknown; readonly reads?: unknown },
  whose: string,
): Pick<Reaction, 'react' | 'transact'> {
  if ((react === undefined) === (transact === undefined)) {
    refuseDeclaration(
      `${capital(whose)} has ${react === undefined ? 'neither `react` nor `transact`' : 'both `react` and `transact`'}. Give it one of them.`,
    )
  }
  if (transact !== undefined && reads !== undefined) {
    refuseDeclaration(
      `${capital(whose)} has \`transact\`, which gets no documents, and names some in \`reads\`. Read tables, or decide with \`react\`.`,
    )
  }
  if (react !== undefined) functionOf(react, 'react', whose)
  else functionOf(transact, 'transact', whose)
  return { react: react as Reaction['react'], transact: transact as Reaction['transact'] }
}

const breakerLimits = {
  failuresMax: { min: 1, max: 1_000_000 },
  pauseMs: { min: 1, max: 3_600_000 },
  pauseMsMax: { min: 1, max: 3_600_000 },
} satisfies Record<keyof BreakerPolicy, Limits>
const breakerNames = Object.keys(breakerLimits)

function breakerOf(
  { breaker, perform }: { readonly breaker?: Partial<BreakerPolicy> | false; readonly perform?: unknown },
  whose: string,
): Reaction['breaker'] {
  if (breaker === undefined) return undefined
  if (breaker !== false && (typeof breaker !== 'object' || breaker === null)) {
    const use = `Use an object of ${listed(breakerNames)}, or false for never; or leave it out.`
    refuseValue(breaker, 'breaker', whose, use)
  }
  const policy = breaker && settingOf(breaker, 'breaker', whose, breakerNames)
  if (policy) refuseUnfitNumbers(policy, breakerLimits, 'breaker', whose)
  if (!perform) {
    refuseDeclaration(`${capital(whose)} declares a \`breaker\` and no \`perform\`. Drop the breaker.`)
  }
  return policy && Object.freeze(policy)
}

function heardBy(on: OneOrMore<AnyEventType>, whose: string): readonly AnyEventType[] {
  const types = isList(on)
    ? eventTypesOf<AnyEventType>(on as readonly AnyEventType[], 'on', whose)
    : [eventTypeOf(on as AnyEventType, 'on', whose)]
  if (types.length === 0) refuseDeclaration(`${capital(whose)} hears no event. Name at least one in \`on\`.`)
  const twice = types.find((type, index) => types.indexOf(type) !== index)
  if (twice) refuseDeclaration(`\`on\` of ${whose} names ${twice.type} twice. Name it once.`)
  return types
}
