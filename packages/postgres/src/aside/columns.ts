import {
  atLogPlace,
  type AsideRecord,
  callsPausedCode,
  type EventFacts,
  type Failure,
  type KeyPlace,
  logPlaceOf,
  offsetBits,
  type RawRecord,
} from '@troupe/core'
import { headersFrom, storedHeaders } from '../statements/outbox-record.ts'
import { inboxName } from '../statements/inbox-name.ts'
import { bigintArray, bytesArray, jsonArray, type Parameter, textArray } from '../wire/parameters.ts'
import { bytesOf, type Fields } from '../wire/statement.ts'

// The columns that what is set aside has in common, as parameters and as rows.

/** Topics, partitions, keys: three parameters. */
export function placesOf(keys: readonly KeyPlace[]): readonly Parameter[] {
  return [
    textArray(
      keys.map(({ topic }) => topic),
      'topic',
    ),
    bigintArray(keys.map(({ partition }) => partition)),
    textArray(
      keys.map(({ key }) => key),
      'key',
    ),
  ]
}

/** Reaction, code, message, stack and group: five parameters. */
export function failuresOf(failures: readonly (Failure | undefined)[]): readonly Parameter[] {
  const column = (of: (failure: Failure) => string | undefined, what: string) =>
    textArray(
      failures.map((failure) => (failure && of(failure)) ?? null),
      what,
    )
  return [
    column(({ reaction }) => reaction, 'reaction'),
    column(({ code }) => code, 'error code'),
    column(({ message }) => message, 'error message'),
    column(({ stack }) => stack, 'error stack'),
    column(({ group }) => group, 'failure group'),
  ]
}

/**
 * What `recordParameters` are called where they are unnested; a topic, partition and key go before them. The column
 * `record_offset` holds places, see `logPlaceOf`: it sorts and tells apart the records of all lives of a topic, also
 * for code that knows of one only.
 */
export const recordColumns =
  'record_offset, record_key, headers, value, timestamp_ms, source, id, type, saga, bytes'
export const recordTypes = (first: number): string =>
  ['bigint', 'bytea', 'text', 'bytea', 'bigint', 'text', 'text', 'text', 'text', 'bigint']
    .map((type, index) => `$${first + index}::${type}[]`)
    .join(', ')

/** Ten parameters, in the order of {@link recordColumns}. */
export function recordParameters(records: readonly AsideRecord[]): readonly Parameter[] {
  const named = (of: (event: EventFacts) => string, what: string) =>
    textArray(
      records.map(({ event }) => (event ? of(event) : null)),
      what,
    )
  return [
    bigintArray(records.map(({ record }) => logPlaceOf(record))),
    bytesArray(records.map(({ record }) => record.key)),
    jsonArray(records.map(({ record }) => storedHeaders(record.headers))),
    bytesArray(records.map(({ record }) => record.value)),
    bigintArray(records.map(({ record }) => record.timestampMs)),
    named(({ source }) => inboxName(source), 'event source'),
    named(({ id }) => inboxName(id), 'event id'),
    named(({ type }) => type, 'event type'),
    named(({ saga }) => saga, 'saga'),
    bigintArray(records.map(({ record }) => bytesIn(record))),
  ]
}

export function bytesIn({ key, value }: RawRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0)
}

/** The columns of a record as {@link recordFrom} reads them. */
export const recordSelected =
  "topic, partition, record_offset, encode(record_key, 'hex'), headers, encode(value, 'hex'), timestamp_ms"

export function recordFrom(fields: Fields): RawRecord {
  const [topic, partition, place, key, headers, value, timestampMs] = fields
  return {
    topic: topic as string,
    partition: Number(partition),
    ...atLogPlace(BigInt(place as string)),
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headersFrom(headers as string),
    timestampMs: Number(timestampMs),
  }
}

/** `deadLetterIdOf` of a row, in SQL. */
export const letterOf = (row: string): string =>
  `format('%s/%s/%s', ${row}.topic, ${row}.partition, ${row}.record_offset & ${(1n << offsetBits) - 1n})
        || CASE WHEN ${row}.record_offset >> ${offsetBits} > 0 THEN '~' || (${row}.record_offset >> ${offsetBits}) ELSE '' END`

/** Source, id, type, saga. */
export function eventFrom([source, id, type, saga]: Fields): EventFacts | undefined {
  if (source === null || source === undefined) return undefined
  return { source, id: id as string, type: type as string, saga: saga as string }
}

/** Of a timestamp, as milliseconds since the epoch. */
export const inMs = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::bigint`

/**
 * Whether a key waits for calls. Stored as one that waits and is due, so that code from before there were
 * any tries it: only its failure says more.
 */
export const isPaused = (key: string): string =>
  `(${key}.state = 'waiting' AND ${key}.code IS NOT DISTINCT FROM '${callsPausedCode}')`

/** For whose calls it waits, empty for none: as the index `parked_key_paused` has it. */
export const pausedFor = (key: string): string =>
  `(CASE WHEN ${key}.code = '${callsPausedCode}' THEN ${key}.reaction ELSE '' END)`

/** What a key that is tried from its head on, at once, remembers of it: nothing. */
const anew: readonly (readonly [string, string])[] = [
  ['state', "'waiting'"],
  ['next_at', 'now()'],
  ['attempts', '0'],
  ...[
    'reaction',
    'code',
    'message',
    'stack',
    'failure_group',
    'first_failed_at',
    'last_failed_at',
    'dead_letter',
  ].map((column) => [column, 'NULL'] as const),
]

/** A key that is tried from its head on, at once. */
export const dueAtOnce = anew.map(([column, value]) => `${column} = ${value}`).join(', ')

/** The same of the row that is called `held`, unless a condition on it keeps it as it is. */
export const dueAtOnceUnless = (condition: string): string =>
  anew
    .map(([column, value]) => `${column} = CASE WHEN ${condition} THEN held.${column} ELSE ${value} END`)
    .join(', ')

/**
 * Compares a column so that no index that holds only such rows seems to fit. A statement that looks rows up by
 * their names may be planned while its table is empty, when each index is as good as any other, and keeps its
 * plan when there are ten thousand: then it would read all that wait, for each name.
 */
export const unindexed = (column: string, value: string): string => `(${column} || '') = '${value}'`
