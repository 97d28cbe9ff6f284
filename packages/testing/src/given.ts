import type { Command, DocumentRef, Event, EventDraft, Request, Service, TroupeErrorCode } from '@troupe/core'
import { canonicalJson, dataCopy, deepFreeze } from './given-copy.ts'
import {
  expectAnswer,
  expectDocument,
  expectEmitted,
  expectEnding,
  expectThrown,
  explain,
  type Happening,
  refuseAwait,
} from './given-expect.ts'
import type { Expected } from './given-later.ts'
import {
  admitted,
  type Circumstances,
  documentIn,
  emptyWorld,
  type Ending,
  letTimePass,
  takeUp,
  takeUpCommand,
  type Told,
  withDocument,
  type World,
} from './given-world.ts'

export interface SpecifyOptions {
  /** The service's clock, in milliseconds since the epoch. Default: 2026-01-01T00:00:00Z. */
  readonly timeMs?: number
  /** What `id(name)` gives, by name. Other ids are derived: the same for the same story. */
  readonly ids?: Readonly<Record<string, string>>
  /** Reactions and commands are run twice and must say the same. Default: true. */
  readonly checksPurity?: boolean
}

/** What an event's envelope says; all of it has a default. */
export interface WhenOptions {
  /** Unique for each event of a story, unless it is told. */
  readonly id?: string
  /** Default: the event's key. */
  readonly saga?: string
}

/**
 * Where a story stands: what the service remembers so far. A scenario is a value: what is told on
 * does not change it, so that several tests can start from one.
 */
export interface Scenario {
  /** A document holds this state. */
  given<State extends object>(this: void, ref: DocumentRef<State>, state: State): Scenario
  /** The service has taken up this event; what it emitted is past. @throws what the reaction throws */
  given(this: void, earlier: EventDraft, options?: WhenOptions): Scenario
  /** The clock from here on. What becomes due is not told: `whenTimePasses` does that. */
  at(this: void, timeMs: number): Scenario
  /** What `perform` resolves to from here on. */
  performs(this: void, result: unknown): Scenario
  /** The service hears this event. */
  when(this: void, event: EventDraft, options?: WhenOptions): Unchecked
  /** Time passes: what is due by then is emitted, and the clock stands there. Nobody hears it unless a `when` says so. */
  whenTimePasses(this: void, ms: number): Unchecked
  /** The service is asked for this. Default idempotency key: a new one each time. */
  whenAsked<Input extends object, Answer>(
    this: void,
    command: Command<Input, Answer>,
    input: Input,
    options?: { readonly idempotencyKey?: string },
  ): Unchecked<Answer>
}

/** A scenario of which something can be said. `then…` speaks of the last `when` only. */
export interface Checked<Answer = undefined> extends Scenario {
  /** The last event or command comes again, with the same id or idempotency key. */
  whenRedelivered(this: void): Unchecked<Answer>
  /** The document now holds this. */
  thenDocument<State extends object>(this: void, ref: DocumentRef<State>, state: State): Checked<Answer>
  /** How the event ended: `applied`, or why its reaction did not run. */
  thenOutcome(this: void, ending: Ending): Checked<Answer>
  /** The command answered this. */
  thenAnswers(this: void, answer: Answer): Checked<Answer>
}

/** A scenario in which something has just happened. Say first what was emitted, then the rest. */
export interface Unchecked<Answer = undefined> extends Checked<Answer> {
  /**
   * It emitted exactly these, in this order; called without arguments: nothing. Deadlines and scheduled events
   * are compared as exactly, as soon as one of them is a `later` or a `lifted`.
   */
  then(this: void, ...expected: readonly Expected[]): Checked<Answer>
  /** It threw: a Troupe error of this code, or an error whose message contains or matches this. */
  thenThrows(this: void, expected: TroupeErrorCode | RegExp | (string & {})): Checked<Answer>
}

interface Setting {
  readonly service: Service
  readonly world: World
  readonly circumstances: Circumstances
  /** How many events and commands were told: ids come from it. */
  readonly count: number
}

/** Something that happens to the service: an event or a command, told so that it can be told again. */
type Telling = (setting: Setting) => { readonly happening: Happening; readonly world: World }

export const defaultTimeMs = Date.UTC(2026, 0, 1)

/**
 * Opens the stories of one service: pure, synchronous, without a broker or a database, on the same
 * functions that a running service decides with. Works in any test runner: what does not hold throws.
 *
 * @example
 * const { given, when } = specify(inventory)
 * given(stock('book'), { free: 1, held: 0 })
 *   .when(PaymentProcessed({ ... }))
 *   .then(InventoryFailed({ orderId: 'o1', reason: 'out of stock: book' }))
 */
export function specify(
  service: Service,
  { timeMs = defaultTimeMs, ids = {}, checksPurity = true }: SpecifyOptions = {},
): Scenario {
  return scenario({
    service,
    world: emptyWorld,
    circumstances: { timeMs, ids, checksPurity, performed: undefined },
    count: 0,
  })
}

function scenario(setting: Setting): Scenario {
  const { service, world, circumstances, count } = setting

  function given<State extends object>(
    first: DocumentRef<State> | EventDraft,
    second?: State | WhenOptions,
  ): Scenario {
    if ('document' in first) {
      if (!second) throw new TypeError(`Say what ${first.kind}/${first.key} holds: given(document, state).`)
      return scenario({ ...setting, world: withDocument(world, first, second as State) })
    }
    const happened = tellEvent(first, second ?? {}, count)(setting)
    if ('error' in happened.happening) throw explain(service, happened.happening)
    return scenario({ ...setting, world: happened.world, count: count + 1 })
  }

  return {
    given,
    at: (nowMs) => scenario({ ...setting, circumstances: { ...circumstances, timeMs: nowMs } }),
    performs: (result) =>
      scenario({ ...setting, circumstances: { ...circumstances, performed: { result } } }),
    when: (event, options = {}) => happen(setting, tellEvent(event, options, count)),
    whenTimePasses(ms) {
      const timeMs = circumstances.timeMs + ms
      const after = { ...setting, circumstances: { ...circumstances, timeMs } }
      return happen(after, ({ world: before }) =>
        attempt(`after ${ms} ms`, before, () => letTimePass(before, timeMs)),
      )
    },
    whenAsked: (command, input, options = {}) => happen(setting, tellCommand(command, input, options, count)),
  }
}

function happen<Answer>(before: Setting, telling: Telling): Unchecked<Answer> {
  const { happening, world } = telling(before)
  const setting: Setting = { ...before, world, count: before.count + 1 }
  const { service } = before

  const whenRedelivered = () => happen<Answer>(setting, telling)
  /** Going on after a failure that the test did not expect would hide it. */
  const onward = (): Scenario => {
    if ('error' in happening) throw explain(service, happening)
    return scenario(setting)
  }
  const check = (assert: () => void, from: (...all: never) => unknown): Checked<Answer> => {
    pointAtCaller(assert, from)
    return checked
  }

  const checked: Checked<Answer> = {
    given: (first: never, second: never) => onward().given(first, second),
    at: (timeMs) => onward().at(timeMs),
    performs: (result) => onward().performs(result),
    when: (event, options) => onward().when(event, options),
    whenTimePasses: (ms) => onward().whenTimePasses(ms),
    whenAsked: (command, input, options) => onward().whenAsked(command, input, options),
    whenRedelivered: () => (onward(), whenRedelivered()),
    thenDocument: (ref, expected) =>
      check(
        () => expectDocument(service, happening, { ref, actual: documentIn(world, ref), expected }),
        checked.thenDocument,
      ),
    thenOutcome: (ending) => check(() => expectEnding(service, happening, ending), checked.thenOutcome),
    thenAnswers: (answer) => check(() => expectAnswer(service, happening, answer), checked.thenAnswers),
  }
  const unchecked: Unchecked<Answer> = {
    ...checked,
    // oxlint-disable-next-line unicorn/no-thenable -- given/when/then is what everybody calls it; being awaited is refused
    then: (...expected) =>
      check(() => {
        refuseAwait(expected)
        expectEmitted(service, happening, expected)
      }, unchecked.then),
    thenThrows(expected) {
      check(() => expectThrown(service, happening, expected), unchecked.thenThrows)
      // The failure was expected: the story goes on from before it, as it would after a dead letter.
      return { ...checked, ...scenario(setting), whenRedelivered }
    },
  }
  return unchecked
}

/** Lets what fails point at the test's line, not into this package. */
function pointAtCaller(assert: () => void, from: (...all: never) => unknown): void {
  try {
    assert()
  } catch (error) {
    if (error instanceof Error) Error.captureStackTrace(error, from)
    throw error
  }
}

function tellEvent(draft: EventDraft, options: WhenOptions, count: number): Telling {
  const eventAt = eventOf(draft, options, count)
  return ({ service, world, circumstances }) => {
    const turn = admitted(world, service, eventAt(circumstances.timeMs), circumstances)
    return attempt(`on ${draft.type}`, world, () => takeUp(turn))
  }
}

/** The event that a story tells of, with the time at which it comes. */
export function eventOf(
  { eventType, type, data: told }: EventDraft,
  { id, saga }: WhenOptions,
  count: number,
): (timeMs: number) => Event {
  const data = deepFreeze(dataCopy(told))
  const key = eventType.keyOf(data)
  return (timeMs) => ({
    id: id ?? `event-${count + 1}`,
    type,
    source: eventType.owner,
    timeMs,
    key,
    correlationId: saga ?? key,
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    data,
  })
}

function tellCommand<Input extends object, Answer>(
  command: Command<Input, Answer>,
  input: Input,
  { idempotencyKey }: { readonly idempotencyKey?: string },
  count: number,
): Telling {
  return ({ service, world, circumstances }) => {
    const name = [...service.commands].find(([, known]) => known === command)?.[0]
    if (name === undefined) {
      throw new Error(
        `${service.name} has no such command. It has: ${[...service.commands.keys()].join(', ') || 'none'}.`,
      )
    }
    const request: Request = {
      form: 'command',
      name,
      command,
      input,
      inputHash: canonicalJson(input),
      idempotencyKey: idempotencyKey ?? `request-${count + 1}`,
    }
    return attempt(`asked for ${name}`, world, () => takeUpCommand(world, service, request, circumstances))
  }
}

/** What came of it, or what it threw, which leaves the world as it was. */
function attempt(
  what: string,
  world: World,
  tell: () => Told,
): { readonly happening: Happening; readonly world: World } {
  try {
    const { world: after, ...came } = tell()
    return { happening: { what, ...came }, world: after }
  } catch (error) {
    return { happening: failed(what, error), world }
  }
}

/** What is known of what has thrown. */
export function failed(what: string, error: unknown): Happening {
  return { what, ending: 'failed', emitted: [], scheduled: [], lifted: [], answer: undefined, error }
}
