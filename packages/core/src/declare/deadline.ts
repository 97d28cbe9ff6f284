import {
  eventTypeOf,
  eventTypesOf,
  functionOf,
  type Limits,
  listed,
  namesOf,
  refuseDeclaration,
  refuseUnfitNumber,
  settingOf,
} from './declared.ts'
import { TroupeError } from '../errors.ts'
import type { AnyEventType, DataOf, InputOf } from './event-type.ts'
import { meantBy } from './misspelt.ts'
import { flawOfName } from './name.ts'
import type { DeadlineDue } from '../ports.ts'
import { shown } from './shown.ts'

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

const afterLimits: Limits = { min: 0, max: delayMsMax }
const names = ['from', 'afterMs', 'emit', 'data', 'liftedBy']

/**
 * What a declaration says of its deadline, as a copy; `whose` names who declares it.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID`
 */
export function deadlineOf<From extends AnyEventType, Overdue extends AnyEventType>(
  declared: DeadlineDeclaration<From, Overdue> | undefined,
  emits: readonly AnyEventType[],
  whose: string,
): Deadline | undefined {
  if (declared === undefined) return undefined
  const fields = settingOf(declared, 'deadline', whose, names)
  const from = eventTypeOf(fields.from, 'deadline.from', whose)
  const emit = eventTypeOf(fields.emit, 'deadline.emit', whose)
  const { afterMs, data } = fields
  refuseUnfitNumber(afterMs, afterLimits, 'deadline.afterMs', whose)
  functionOf(data, 'deadline.data', whose)
  const liftedBy = eventTypesOf<AnyEventType>(fields.liftedBy, 'deadline.liftedBy', whose)
  const name = `The deadline that emits ${emit.type}`
  if (!emits.includes(from)) {
    refuseDeclaration(
      `${name} begins with ${from.type}, which is never emitted. Begin it with one of: ${namesOf(emits) || '(nothing)'}.`,
    )
  }
  if (liftedBy.length === 0) {
    refuseDeclaration(`${name} waits for nothing. Name the answers in \`liftedBy\`, or use \`schedule\`.`)
  }
  if (liftedBy.includes(from)) {
    refuseDeclaration(
      `${name} begins with ${from.type} and would be lifted by it at once. Name the answers in \`liftedBy\`.`,
    )
  }
  if (liftedBy.includes(emit)) {
    refuseDeclaration(`${name} would be lifted by it. Name the answers in \`liftedBy\`.`)
  }
  return Object.freeze({ from, afterMs, emit, data, liftedBy })
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
      refuseDeclaration(
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

const whenNames = ['afterMs', 'atMs', 'name']

/** @throws TroupeError `TROUPE_SCHEDULE_INVALID` */
export function dueOf(when: When, type: string, handler: string): DeadlineDue {
  const { afterMs, atMs } = (when ?? {}) as { readonly afterMs?: number; readonly atMs?: number }
  const unknown = Object.keys(when ?? {}).find((name) => !whenNames.includes(name))
  if (unknown !== undefined) {
    const meant = meantBy(unknown, whenNames)
    throw new TroupeError(
      'TROUPE_SCHEDULE_INVALID',
      `${handler} scheduled ${type} with ${shown(unknown)}, which \`schedule\` does not know. ${meant ? `\`${meant}\` is meant, or take it away` : `Use ${listed(whenNames)}`}.`,
      { details: { handler, type } },
    )
  }
  if (afterMs !== undefined && atMs === undefined && isDelay(afterMs)) return { afterMs }
  if (atMs !== undefined && afterMs === undefined && isTime(atMs)) return { atMs }
  const given = [
    ...(afterMs === undefined ? [] : [`afterMs ${shown(afterMs)}`]),
    ...(atMs === undefined ? [] : [`atMs ${shown(atMs)}`]),
  ]
  throw new TroupeError(
    'TROUPE_SCHEDULE_INVALID',
    `${handler} scheduled ${type} for ${given.join(' and ') || shown(when)}. Use whole milliseconds: \`afterMs\` up to ten years, or \`atMs\` since the epoch.`,
    { details: { handler, type } },
  )
}

/** With its saga, a name has to fit one entry of an index. */
const deadlineNameLengthMax = 200

/** A deadline is found by its saga and its name. @throws TroupeError `TROUPE_SCHEDULE_INVALID` */
export function refuseUnfitDeadlineName(saga: string, name: unknown, handler: string): void {
  const isLong = typeof name === 'string' && name.length > deadlineNameLengthMax
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
