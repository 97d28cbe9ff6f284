import { deepStrictEqual } from 'node:assert'
import { inspect } from 'node:util'
import { type DocumentRef, isTroupeError, messageOf, type Service } from '@troupe/core'
import { dataCopy, jsonCopy } from './given-copy.ts'
import { type ExpectedEvent, isLike, narrowedTo } from './given-like.ts'
import { type Expected, nameOfLater, sorted } from './given-later.ts'
import type { Emitted, Ending, Pending } from './given-world.ts'

/** What happened last in a story. */
export interface Happening {
  /** In words, such as `on PaymentProcessed`. */
  readonly what: string
  readonly ending: Ending | 'failed'
  readonly emitted: readonly Emitted[]
  readonly scheduled: readonly Pending[]
  readonly lifted: readonly string[]
  readonly answer: unknown
  /** What the reaction threw; present only where it did. */
  readonly error?: unknown
}

/** `then(...)`: exactly these events, in this order; deadlines and scheduled events where the test speaks of any. */
export function expectEmitted(service: Service, happening: Happening, expected: readonly Expected[]): void {
  refuseFailed(service, happening)
  const { now, later, lifted } = sorted(expected)
  const actual = happening.emitted.map((one, index) => shown(one, now[index]))
  equal(`${subject(service, happening)} emitted other events than expected`, actual, now.map(wanted))
  if (later.length === 0 && lifted.length === 0) return
  const scheduled = happening.scheduled.map(({ name, due, ...one }, index) => ({
    ...shown(one, later[index]?.event),
    due,
    name,
  }))
  const due = later.map((one) => ({ ...wanted(one.event), due: one.when, name: nameOfLater(one) }))
  equal(`${subject(service, happening)} scheduled other events than expected`, scheduled, due)
  const over = [...happening.lifted].toSorted(byText)
  equal(
    `${subject(service, happening)} lifted other deadlines than expected`,
    over,
    lifted.map(({ name }) => name).toSorted(byText),
  )
}

/** An event as far as the test speaks of it. */
function shown({ type, data }: Emitted, expected: ExpectedEvent | undefined): object {
  const isPart = expected !== undefined && isLike(expected) && expected.type === type
  return { [type]: isPart ? narrowedTo(expected.part, data) : data }
}

function wanted(expected: ExpectedEvent): object {
  return { [expected.type]: dataCopy(isLike(expected) ? expected.part : expected.data) }
}

function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** `thenDocument(...)`: the document holds exactly this. */
export function expectDocument<State extends object>(
  service: Service,
  happening: Happening,
  {
    ref,
    actual,
    expected,
  }: { readonly ref: DocumentRef<State>; readonly actual: State; readonly expected: State },
): void {
  const wanted = ref.document.parse(jsonCopy(expected), ref.key)
  equal(
    `${subject(service, happening)} left ${ref.kind}/${ref.key} in another state than expected`,
    actual,
    wanted,
  )
}

/** `thenRows(...)`: the tables hold exactly these, in this order. */
export function expectRows(
  service: Service,
  happening: Happening,
  { actual, expected }: { readonly actual: readonly object[]; readonly expected: readonly object[] },
): void {
  equal(`${subject(service, happening)} left other rows than expected`, dataCopy(actual), dataCopy(expected))
}

/** `thenOutcome(...)`: how the event ended. */
export function expectEnding(service: Service, happening: Happening, expected: Ending): void {
  refuseFailed(service, happening)
  equal(`${subject(service, happening)} ended otherwise than expected`, happening.ending, expected)
}

/** `thenAnswers(...)`: what the command answered. */
export function expectAnswer(service: Service, happening: Happening, expected: unknown): void {
  refuseFailed(service, happening)
  const actual = dataCopy(happening.answer)
  equal(`${subject(service, happening)} answered otherwise than expected`, actual, dataCopy(expected))
}

/** `thenThrows(...)`: by code, by a part of the message, or by a pattern. */
export function expectThrown(service: Service, happening: Happening, expected: string | RegExp): void {
  if (!('error' in happening)) {
    fail(
      `${subject(service, happening)} should have thrown ${inspect(expected)}, and did not.${emittedList(happening)}`,
    )
  }
  const { error } = happening
  const message = messageOf(error)
  const fits =
    expected instanceof RegExp
      ? expected.test(message)
      : (isTroupeError(error) && error.code === expected) || message.includes(expected)
  if (fits) return
  fail(
    `${subject(service, happening)} threw something other than ${inspect(expected)}: ${codeOf(error)}${message}`,
    error,
  )
}

/** The error that a reaction threw where none was expected, with the place in the story. */
export function explain(service: Service, happening: Happening): Error {
  const { error } = happening
  return failure(`${subject(service, happening)} threw ${codeOf(error)}${messageOf(error)}`, error)
}

/** A scenario has a method `then`, so `await` and a test runner take it for a promise. They are told. */
export function refuseAwait(given: readonly unknown[]): void {
  const [first] = given
  if (typeof first !== 'function') return
  if ('type' in first) {
    throw new TypeError(
      `then() takes events, not event types. Call ${String(first.type)}({ ... }) with all its data, or like(${String(first.type)}, { ... }) with some of it.`,
    )
  }
  throw new TypeError(
    'A given/when/then story was awaited, or returned to the test runner before it said .then(...). It is synchronous: drop the await, and end it with .then(...), which takes no arguments if nothing should be emitted.',
  )
}

function refuseFailed(service: Service, happening: Happening): void {
  if ('error' in happening) throw explain(service, happening)
}

function equal(heading: string, actual: unknown, expected: unknown): void {
  try {
    deepStrictEqual(actual, expected)
  } catch (difference) {
    throw failure(`${heading}.\n${messageOf(difference).split('\n').slice(1).join('\n')}`)
  }
}

function subject(service: Service, { what, ending }: Happening): string {
  return ending === 'applied' || ending === 'failed'
    ? `${service.name}, ${what},`
    : `${service.name}, ${what} (${ending}),`
}

function emittedList({ emitted }: Happening): string {
  return emitted.length === 0 ? ' It emitted nothing.' : ` It emitted ${inspect(emitted, { depth: 6 })}.`
}

function codeOf(error: unknown): string {
  return isTroupeError(error) ? `${error.code}: ` : ''
}

function fail(message: string, cause?: unknown): never {
  throw failure(message, cause)
}

/** Not an `AssertionError`: some runners rewrite those, and the difference would be shown twice. */
function failure(message: string, cause?: unknown): Error {
  const error = cause === undefined ? new Error(message) : new Error(message, { cause })
  error.name = 'StoryError'
  return error
}
