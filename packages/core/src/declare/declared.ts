// How declarations are read: types refuse what is wrong in them, and whoever writes plain JavaScript, or `as any`,
// is told by these. A wrong value gives one error, which names the setting, whose it is, the value, and what to
// give instead: "`breaker.pauseMs` of the reaction to Paid is 1n, a bigint. Use a whole number from 1 to 3600000."
//
// Invariants
// 1. Nothing but `TROUPE_DECLARATION_INVALID` is thrown, whatever the value: a getter or a proxy that throws is
//    a wrong value.
// 2. What is returned is a copy: nobody changes a declaration by changing what he gave for it.
// 3. A name that nobody knows is refused: it is a misspelt one, or one that does nothing here.

import { messageOf, TroupeError } from '../errors.ts'
import type { AnyEventType } from './event-type.ts'
import { isPlain } from '../event/json.ts'
import { meantBy } from './misspelt.ts'
import { shown } from './shown.ts'

/** Refuses a declaration. `message` says which, why, and what to declare instead. */
export function refuseDeclaration(message: string, cause?: unknown): never {
  throw new TroupeError('TROUPE_DECLARATION_INVALID', message, cause === undefined ? {} : { cause })
}

/** Refuses one value: `retry.delayMs`, of `the reaction to X`; `use` is a sentence that says what to give instead. */
export function refuseValue(value: unknown, field: string, whose: string, use: string): never {
  refuseDeclaration(`${of(field, whose)} is ${shown(value)}. ${use}`)
}

function of(field: string, whose: string): string {
  return `\`${field}\` of ${whose}`
}

/** The fields of a plain object, each read once. `named` is how a sentence about it begins. */
export function fieldsOf<Fields extends object>(declared: Fields, named: string, use: string): Fields {
  let fields: Fields | undefined
  try {
    if (isRecord(declared)) fields = { ...declared }
  } catch (cause) {
    refuseDeclaration(`${named} cannot be read: ${messageOf(cause)}. ${use}`, cause)
  }
  return fields ?? refuseDeclaration(`${named} is ${shown(declared)}. ${use}`)
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isPlain(value)
}

/** Refuses fields of other names. `within` is what goes before them: `retry.`; one that is undefined is not there. */
export function refuseUnknownFields(
  fields: object,
  names: readonly string[],
  whose: string,
  within = '',
): void {
  for (const [name, value] of Object.entries(fields) as [string, unknown][]) {
    if (value === undefined || names.includes(name)) continue
    const meant = meantBy(name, names)
    const use = meant ? `\`${within}${meant}\` is meant, or take it away.` : `Use ${listed(names)}.`
    refuseDeclaration(`${capital(whose)} has no ${shown(`${within}${name}`)}. ${use}`)
  }
}

/** The fields of a setting that is an object itself, such as `retry`. */
export function settingOf<Fields extends object>(
  declared: Fields,
  field: string,
  whose: string,
  names: readonly string[],
): Fields {
  const fields = fieldsOf(declared, of(field, whose), `Use an object of ${listed(names)}, or leave it out.`)
  refuseUnknownFields(fields, names, whose, `${field}.`)
  return fields
}

/** A function. */
export function functionOf<Func>(value: Func, field: string, whose: string): Func {
  if (typeof value !== 'function') refuseValue(value, field, whose, 'Give it a function.')
  return value
}

/** A function, or none. */
export function functionIfAny<Func>(value: Func, field: string, whose: string): Func {
  if (value === undefined || typeof value === 'function') return value
  return refuseValue(value, field, whose, 'Give it a function, or leave it out.')
}

/** An event type. */
export function eventTypeOf<Type extends AnyEventType>(value: Type, field: string, whose: string): Type {
  if (isEventType(value)) return value
  const use =
    value === undefined
      ? 'Give it an event type; what two modules import of each other is not there yet.'
      : 'Give it an event type: what `avroEvent` made, not called.'
  return refuseValue(value, field, whose, use)
}

/** A list of event types, which may be empty. */
export function eventTypesOf<Type extends AnyEventType>(
  types: readonly Type[],
  field: string,
  whose: string,
): readonly Type[] {
  const list = listOf(types, field, whose, 'Give it a list of event types.')
  return Object.freeze(list.map((type, index) => eventTypeOf(type, `${field}[${index}]`, whose)))
}

/** A list, as an array of its own. */
export function listOf<Item>(
  items: readonly Item[],
  field: string,
  whose: string,
  use: string,
): readonly Item[] {
  let list: readonly Item[] | undefined
  try {
    if (Array.isArray(items)) list = Array.from(items as readonly Item[])
  } catch (cause) {
    refuseDeclaration(`${of(field, whose)} cannot be read: ${messageOf(cause)}. ${use}`, cause)
  }
  return list ?? refuseValue(items, field, whose, use)
}

/** True for a list that can be looked at. */
export function isList(value: unknown): boolean {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

/** The least and the most of a number, and what it may be besides. */
export interface Limits {
  readonly min: number
  readonly max: number
  /** True for any number between; else only whole ones, and the most. */
  readonly isFraction?: boolean
  readonly or?: { readonly value: number; readonly said: string }
}

/** Refuses what is no number within the limits. */
export function refuseUnfitNumber(
  value: unknown,
  { min, max, isFraction = false, or }: Limits,
  field: string,
  whose: string,
): void {
  const isWithin = typeof value === 'number' && value >= min && value <= max
  if (isWithin && (isFraction || value === max || Number.isSafeInteger(value))) return
  if (or && value === or.value) return
  const besides = or ? `, or ${or.said}` : ''
  refuseValue(
    value,
    field,
    whose,
    `Use a ${isFraction ? '' : 'whole '}number from ${min} to ${max}${besides}.`,
  )
}

/** Refuses numbers of a setting that are not within their limits. One that is undefined is not there. */
export function refuseUnfitNumbers(
  fields: object,
  limits: Readonly<Record<string, Limits>>,
  field: string,
  whose: string,
): void {
  for (const [name, limit] of Object.entries(limits)) {
    const value = (fields as Record<string, unknown>)[name]
    if (value !== undefined) refuseUnfitNumber(value, limit, `${field}.${name}`, whose)
  }
}

/** True for an event type, whoever made it. */
export function isEventType(value: unknown): value is AnyEventType {
  try {
    if (typeof value !== 'function') return false
    const { type, owner, topic, keyOf, complete } = value as Partial<AnyEventType>
    const isNamed = typeof type === 'string' && typeof owner === 'string' && typeof topic === 'string'
    return isNamed && typeof keyOf === 'function' && typeof complete === 'function'
  } catch {
    return false
  }
}

/** True for what has one of these forms, and says what it emits. */
export function hasForm(value: unknown, forms: readonly string[]): value is { readonly form: string } {
  try {
    if (typeof value !== 'object' || value === null) return false
    const { form, emits } = value as { readonly form?: unknown; readonly emits?: unknown }
    return (
      typeof form === 'string' && forms.includes(form) && Array.isArray(emits) && emits.every(isEventType)
    )
  } catch {
    return false
  }
}

/** The names of event types, as messages list them. */
export function namesOf(types: readonly AnyEventType[]): string {
  return [...new Set(types.map(({ type }) => type))].join(', ')
}

/** The names of what may be event types, to say by them whose a setting is; undefined where they are none. */
export function namesIfAny(types: unknown): string | undefined {
  try {
    const list: readonly unknown[] = Array.isArray(types) ? types : [types]
    return list.length > 0 && list.every(isEventType) ? namesOf(list) : undefined
  } catch {
    return undefined
  }
}

/** `a, b or c` */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}

/** As a sentence begins with it. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
