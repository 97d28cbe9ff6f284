// Objects of settings and options, field by field: what each may be is a table, and what is not in it is refused by
// name, as in declarations.
import {
  fieldsOf,
  listed,
  listOf,
  refuseDeclaration,
  refuseUnfitNumber,
  refuseUnknownFields,
  refuseValue,
  settingOf,
} from './declared.ts'

/** Refuses a value that a field may not have. `field` and `whose` name it to whoever gave it. */
export type FieldCheck = (value: unknown, field: string, whose: string) => void

/** A check of every field that there is. */
export type FieldChecks<Fields> = { readonly [Name in keyof Required<Fields>]: FieldCheck }

/** The fields of an object of options, each checked. */
export function checkedFields<Fields extends object>(
  given: Fields,
  checks: FieldChecks<Fields>,
  whose: string,
): Fields {
  const names = Object.keys(checks)
  const fields = fieldsOf(given, `What is given as ${whose}`, `Use an object of ${listed(names)}.`)
  refuseUnknownFields(fields, names, whose)
  checkEach(fields, checks, '', whose)
  return fields
}

function checkEach(
  fields: object,
  checks: Readonly<Record<string, FieldCheck>>,
  within: string,
  whose: string,
): void {
  const values = fields as Readonly<Record<string, unknown>>
  for (const [name, check] of Object.entries(checks)) check(values[name], `${within}${name}`, whose)
}

/** The kinds of values that fields have. A value that is wrong is shown, so that none of these is for secrets but `secret`. */
export const fieldIs = {
  text: kind('string', 'a text'),
  /** Never shown. */
  secret: (value: unknown, field: string, whose: string) => {
    if (typeof value !== 'string')
      refuseDeclaration(`\`${field}\` of ${whose} is ${typeof value}, no text. Use a text.`)
  },
  switch: kind('boolean', 'true or false'),
  function: kind('function', 'a function'),
  object: kind('object', 'an object'),
  /** A whole number. */
  count:
    (min = 0, max = Number.MAX_SAFE_INTEGER): FieldCheck =>
    (value, field, whose) =>
      refuseUnfitNumber(value, { min, max }, field, whose),
  /** Any number that is not less than nothing. */
  number: (value: unknown, field: string, whose: string) =>
    refuseUnfitNumber(value, { min: 0, max: Number.MAX_SAFE_INTEGER, isFraction: true }, field, whose),
  oneOf:
    (...values: readonly string[]): FieldCheck =>
    (value, field, whose) => {
      if (!values.includes(value as string)) refuseValue(value, field, whose, `Use ${listed(values)}.`)
    },
  listOf:
    (check: FieldCheck, use: string): FieldCheck =>
    (value, field, whose) => {
      for (const [at, item] of listOf(value as readonly unknown[], field, whose, use).entries())
        check(item, `${field}[${at}]`, whose)
    },
  /** An object of these fields. */
  of:
    <Fields>(checks: FieldChecks<Fields>): FieldCheck =>
    (value, field, whose) => {
      const fields = settingOf(value as object, field, whose, Object.keys(checks))
      checkEach(fields, checks, `${field}.`, whose)
    },
  /** An object of any names, each of whose values is such a one. */
  each:
    (check: FieldCheck, use: string): FieldCheck =>
    (value, field, whose) => {
      const fields = fieldsOf(value as object, `\`${field}\` of ${whose}`, use)
      for (const [name, one] of Object.entries(fields)) check(one, `${field}.${name}`, whose)
    },
  /** One of these, or left out. */
  ifGiven:
    (check: FieldCheck): FieldCheck =>
    (value, field, whose) => {
      if (value !== undefined) check(value, field, whose)
    },
} as const

function kind(name: 'string' | 'boolean' | 'function' | 'object', use: string): FieldCheck {
  return (value, field, whose) => {
    if (typeof value !== name || value === null) refuseValue(value, field, whose, `Use ${use}.`)
  }
}
