import { TroupeError } from './errors.ts'
import type { AnyEventType, DataOf, InputOf } from './event-type.ts'
import { flawOfName } from './name.ts'
import type { DeadlineDue } from './ports.ts'

/**
 * How long a saga waits for an answer, and what is said when none came: once, by the database's clock,
 * unless one of the events that it waits for is heard before.
 */
export interface DeadlineDeclaration<From extends AnyEventType, Overdue extends AnyEventType> {
  /** The wait begins when this is emitted: one of `emits`. */
  readonly from: From
  /** How long it lasts, in milliseconds. A process may be told otherwise: `TROUPE_DEADLINES`. */
  readonly afterMs: number
  /** The event that says that nobody answered: one that this service owns. */
  readonly emit: Overdue
  /** What that event says, out of what was emitted. Pure. */
  readonly data: (said: DataOf<From>) => InputOf<Overdue>
  /** The answers: the service hears each of them, whether or not it has a reaction to it. */
  readonly liftedBy: readonly AnyEventType[]
}

/** A deadline as a declaration holds it. Within a saga it goes by the type of the event that it emits. */
export interface Deadline {
  readonly from: AnyEventType
  readonly afterMs: number
  readonly emit: AnyEventType
  readonly data: (said: never) => object
  readonly liftedBy: readonly AnyEventType[]
}

/** When a scheduled event is due, by the database's clock. */
export type When = { readonly afterMs: number } | { readonly atMs: number }

/** Ten years: whoever asks for more has mistaken the unit. */
const delayMsMax = 315_360_000_000
/** The last millisecond that a JavaScript date can name. */
const timeMsMax = 8_640_000_000_000_000

/** @throws TroupeError `TROUPE_DECLARATION_INVALID` */
export function deadlineOf<From extends AnyEventType, Overdue extends AnyEventType>(
  declared: DeadlineDeclaration<From, Overdue> | undefined,
  emits: readonly AnyEventType[],
): Deadline | undefined {
  if (!declared) return undefined
  const { from, afterMs, emit, liftedBy } = declared
  const name = `The deadline that emits ${emit.type}`
  if (!emits.includes(from)) {
    refuse(
      `${name} begins with ${from.type}, which is never emitted. Begin it with one of: ${emits.map(({ type }) => type).join(', ') || '(nothing)'}.`,
    )
  }
  if (!isDelay(afterMs)) refuse(`${name} is due after ${afterMs} ms. Use a whole number, up to ten years.`)
  if (liftedBy.length === 0) {
    refuse(`${name} waits for nothing. Name the answers in \`liftedBy\`, or use \`schedule\`.`)
  }
  if (liftedBy.includes(from))
    refuse(
      `${name} begins with ${from.type} and would be lifted by it at once. Name the answers in \`liftedBy\`.`,
    )
  if (liftedBy.includes(emit)) refuse(`${name} would be lifted by it. Name the answers in \`liftedBy\`.`)
  return declared
}

/** The deadlines of a service. @throws TroupeError `TROUPE_DECLARATION_INVALID` if two of them go by one name */
export function deadlinesOf(
  serviceName: string,
  speakers: readonly { readonly deadline: Deadline | undefined }[],
): readonly Deadline[] {
  const byType = new Map<string, Deadline>()
  for (const { deadline } of new Set(speakers)) {
    if (!deadline) continue
    const { type } = deadline.emit
    if (byType.has(type)) {
      refuse(
        `Two deadlines of service ${serviceName} emit ${type}, so one would take the place of the other. Let each emit an event of its own.`,
      )
    }
    byType.set(type, deadline)
  }
  return [...byType.values()]
}

/** By the type of the event that lifts them: the names of deadlines. */
export function liftsOf(deadlines: readonly Deadline[]): ReadonlyMap<string, readonly string[]> {
  const lifts = new Map<string, string[]>()
  for (const { liftedBy, emit } of deadlines) {
    for (const { type } of new Set(liftedBy)) {
      const names = lifts.get(type)
      if (names) names.push(emit.type)
      else lifts.set(type, [emit.type])
    }
  }
  return lifts
}

/** @throws TroupeError `TROUPE_SCHEDULE_INVALID` */
export function dueOf(when: When, type: string, handler: string): DeadlineDue {
  if ('afterMs' in when ? isDelay(when.afterMs) : isTime(when.atMs)) return when
  throw new TroupeError(
    'TROUPE_SCHEDULE_INVALID',
    `${handler} scheduled ${type} for ${JSON.stringify(when)}. Use whole milliseconds: \`afterMs\` up to ten years, or \`atMs\` since the epoch.`,
    { details: { handler, type } },
  )
}

/** With its saga, a name has to fit one entry of an index. */
const deadlineNameLengthMax = 200

/** A deadline is found by its saga and its name. @throws TroupeError `TROUPE_SCHEDULE_INVALID` */
export function refuseUnfitDeadlineName(saga: string, name: string, handler: string): void {
  const isLong = name.length > deadlineNameLengthMax
  const flaw = isLong
    ? `has ${name.length} characters, more than ${deadlineNameLengthMax}`
    : (flawOfName(name) ?? flawOfName(saga))
  if (!flaw) return
  throw new TroupeError(
    'TROUPE_SCHEDULE_INVALID',
    `${handler} scheduled or lifted something under a name, or for a saga, that ${flaw}. Use another.`,
    { details: { handler } },
  )
}

/** True for a number of milliseconds that a deadline can wait. */
export function isDelay(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= delayMsMax
}

function isTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= timeMsMax
}

function refuse(message: string): never {
  throw new TroupeError('TROUPE_DECLARATION_INVALID', message)
}
