import {
  type AvroRecordSchema,
  type EventDraft,
  type EventType,
  fieldsOf,
  flawOfJson,
  messageOf,
  nameLengthMax,
  refuseUnknownFields,
  refuseValue,
  topicOf,
  TroupeError,
} from '@troupe/core'
import { type Check, isTooDeep, type Problem, refused } from '../schema/check.ts'
import { compileCheck } from '../schema/compile-check.ts'
import { parseSchema, refuseSchema } from '../schema/parse-schema.ts'
import { type RecordShape, shortName } from '../schema/shape.ts'

export interface AvroEventDeclaration {
  /** The service that alone emits the event; its topic is the event's. */
  readonly owner: string
  /**
   * The Avro record schema as parsed JSON, with the attribute `key`: the field that becomes the record's key.
   * Of another team's event the attribute `topic` names the topic that it comes on; Troupe's own come on
   * their owner's.
   */
  readonly schema: AvroRecordSchema
}

/** A schema that can be an event's, taken apart. */
export interface EventSchema {
  readonly shape: RecordShape
  readonly keyField: string
  readonly check: Check
}

/**
 * Makes an event type out of an Avro schema. Usually called by generated code.
 *
 * Values in TypeScript: `int`, `float`, `double` are numbers (finite); `long` is a number from -2^52 to
 * 2^53 - 2, refused outside (avsc holds no others exactly); `timestamp-millis` is a number of milliseconds since the epoch; `uuid` is a
 * string, checked; `bytes` and `fixed` are Uint8Arrays; an enum is one of its symbols; `["null", T]` is
 * `T | null`. `decimal` and all other unions are refused here, when the event is defined.
 *
 * @typeParam Type  the schema's name
 * @typeParam Data  every field present
 * @typeParam Input fields with a default optional
 * @throws TroupeError `TROUPE_SCHEMA_INVALID` naming the event, the field and what to write instead;
 *   `TROUPE_DECLARATION_INVALID` for an owner that is none, and for what is neither owner nor schema.
 */
export function avroEvent<Type extends string, Data extends object, Input extends object = Data>(
  declaration: AvroEventDeclaration,
): EventType<Type, Data, Input> {
  const { owner, schema } = declarationOf(declaration)
  const { shape, keyField, check } = readEventSchema(schema, `The schema of ${nameIn(schema)}`)
  const type = shortName(shape.name) as Type

  const complete = (input: Input): Data => {
    const data = fill(check, input, type) as Data
    const key = (data as Record<string, string>)[keyField] as string
    if (key === '' || key.length > nameLengthMax || key.includes('\0')) refuseKey(type, keyField, key)
    return data
  }
  const eventType: EventType<Type, Data, Input> = Object.assign(
    (input: Input): EventDraft<Type, Data> => ({ eventType, type, data: complete(input) }),
    {
      type,
      owner,
      topic: topicIn(schema, type) ?? topicOf(owner),
      schema,
      keyOf: (data: Data): string => (data as Record<string, string>)[keyField] as string,
      complete,
    },
  )
  return Object.freeze(eventType)
}

function declarationOf(declaration: AvroEventDeclaration): AvroEventDeclaration {
  const use = 'Give `avroEvent` an object with `owner` and `schema`.'
  const declared = fieldsOf(declaration, 'The declaration of an event type', use)
  const { owner, schema } = declared
  const flaw = flawIn(schema)
  if (flaw !== undefined) {
    refuseSchema(
      `The schema of ${nameIn(schema)}`,
      '',
      `is no JSON: ${flaw}. Give the schema as parsed JSON.`,
    )
  }
  const whose = `the event type ${nameIn(schema)}`
  refuseUnknownFields(declared, ['owner', 'schema'], whose)
  if (typeof owner !== 'string' || owner === '')
    refuseValue(owner, 'owner', whose, 'Name the service that emits it.')
  return declared
}

/** A getter in it may throw, or a proxy: that is its flaw. */
function flawIn(schema: unknown): string | undefined {
  try {
    return flawOfJson(schema)
  } catch (error) {
    return messageOf(error)
  }
}

/**
 * Reads a schema that is to be an event's.
 *
 * @param where how messages name the schema: a file, or `The schema of OrderReceived`
 * @throws TroupeError `TROUPE_SCHEMA_INVALID`
 */
export function readEventSchema(schema: unknown, where: string): EventSchema {
  const shape = parseSchema(schema, where)
  const check = compileCheck(shape, where)
  const keyField = (schema as AvroRecordSchema)['key']
  if (typeof keyField !== 'string') {
    refuseSchema(
      where,
      '',
      'names no key, so its events have no order. Add "key": "<field>" beside "name", with the field that tells sagas apart, such as "orderId".',
    )
  }
  const field = shape.fields.find(({ name }) => name === keyField)
  const isText = field?.shape.kind === 'string' || field?.shape.kind === 'uuid'
  if (!field || !isText || field.default !== undefined) {
    refuseSchema(
      where,
      '',
      `names ${JSON.stringify(keyField)} as its key, which is not a required string field of it. Name one: a field of type string that has no default and cannot be null.`,
    )
  }
  return { shape, keyField, check }
}

function nameIn(schema: unknown): string {
  try {
    const name = (schema as { name?: unknown } | null | undefined)?.name
    return typeof name === 'string' ? name : 'an event without a name'
  } catch {
    return 'an event without a name'
  }
}

function topicIn({ topic }: AvroRecordSchema, type: string): string | undefined {
  if (topic === undefined) return undefined
  if (typeof topic === 'string' && /^[a-zA-Z0-9._-]{1,249}$/.test(topic)) return topic
  return refuseSchema(
    `The schema of ${type}`,
    '',
    `names the topic ${JSON.stringify(topic)}, which Kafka does not allow. Name the one that the event comes on: up to 249 letters, digits, dots, dashes and underscores.`,
  )
}

function fill(check: Check, input: unknown, type: string): unknown {
  let data: unknown
  try {
    data = check.fill(input)
  } catch (cause) {
    if (!isTooDeep(cause)) throw cause
    throw new TroupeError(
      'TROUPE_EVENT_INVALID',
      `${type} is refused by its schema: the data is nested too deeply, or holds itself. Give it a flat form.`,
      { cause, details: { type } },
    )
  }
  if (data === refused) explain(check, input, type)
  return data
}

function explain(check: Check, input: unknown, type: string): never {
  const problems: Problem[] = []
  check.explain(input, '', problems)
  const shown = problems.slice(0, 5).map(({ text }) => text)
  const more = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : ''
  throw new TroupeError(
    'TROUPE_EVENT_INVALID',
    `${type} is refused by its schema: ${shown.join('; ')}${more}. Correct what emits it, or give the schema what is new.`,
    { details: { type, paths: problems.slice(0, 20).map(({ path }) => path) } },
  )
}

function refuseKey(type: string, keyField: string, key: string): never {
  const problem =
    key === ''
      ? 'is empty'
      : key.includes('\0')
        ? 'holds a NUL character'
        : `has ${key.length} characters, more than ${nameLengthMax}`
  throw new TroupeError(
    'TROUPE_EVENT_INVALID',
    `${type} is refused: its key ${keyField} ${problem}. Every event needs the key that tells sagas apart.`,
    { details: { type, paths: [keyField] } },
  )
}
