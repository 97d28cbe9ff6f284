// What the admin API takes and gives. Times are ISO 8601 in UTC; offsets and cursors are decimal text, since
// they may be larger than what JSON's numbers hold in JavaScript.

import {
  type AsideRecord,
  type DeadLetterFilter,
  type DeadLetterGroup,
  type DeadLetterSummary,
  type Failure,
  type KeyPlace,
  type OperatorActionFilter,
  operatorDeeds,
  nameLengthMax,
  type RawRecord,
  type StoredOperatorAction,
  type StoredParkedKey,
} from '@troupe/core'
import { z } from 'zod'

/** What a ledger can keep, and therefore what can be in it. */
const text = z.string().regex(/^[^\0\p{Cs}]*$/u, 'Holds a NUL character or half of a surrogate pair')
const name = text.min(1).max(nameLengthMax)
/** Records may have a key of no bytes. */
const key = text.max(nameLengthMax)
const offsetMax = 2n ** 63n - 1n
const offset = z
  .string()
  // Checks go on after one that failed, unless it says otherwise: BigInt throws at what is no number.
  .regex(/^\d{1,19}$/, { error: 'Not a decimal number', abort: true })
  .refine((digits) => BigInt(digits) <= offsetMax, 'More than 64 bits hold')
const time = z.iso.datetime({ offset: true }).meta({ description: 'ISO 8601, such as 2026-05-01T12:00:00Z' })
const partition = z
  .string()
  .regex(/^\d{1,9}$/, 'Not a partition number')
  .meta({ description: 'Number of a partition' })

/** How many dead letters or keys one request may name. */
export const namesMax = 1_000

export const parkedQuery = z.strictObject({
  topic: name.optional().meta({ description: 'Topic that the event came from' }),
  partition: partition.optional(),
  key: key.optional().meta({ description: 'Key of the event, as the list shows it' }),
  event: name.optional().meta({ description: 'Id of the event' }),
  saga: name.optional().meta({ description: 'Correlation id of the event' }),
  reaction: name.optional().meta({ description: 'Name of the reaction that failed' }),
  group: name.optional().meta({ description: 'Failure group' }),
  from: time.optional().meta({ description: 'Failed last at this time or later' }),
  until: time.optional().meta({ description: 'Failed last before this time' }),
  after: offset.optional().meta({ description: '`next` of the page before' }),
  limit: z
    .string()
    .regex(/^([1-9]\d{0,2}|1000)$/, 'Not a whole number from 1 to 1000')
    .optional()
    .meta({ description: 'How many at most, 1 to 1000; default 100. A page may hold fewer: `next` says' }),
})

export const deadLetterQuery = parkedQuery.extend({
  state: z.enum(['open', 'redriven', 'discarded', 'any']).optional().meta({ description: 'Default: open' }),
})

export const groupQuery = deadLetterQuery.omit({ after: true, limit: true })
export const actionsQuery = z.strictObject({
  by: name.optional().meta({ description: 'Who did it' }),
  did: z.enum(operatorDeeds).optional(),
  name: name.optional().meta({
    description: 'What it was done to: the id of a dead letter, or topic/partition/key of a parked key',
  }),
  from: time.optional().meta({ description: 'Begun at this time or later' }),
  until: time.optional().meta({ description: 'Begun before this time' }),
  ...parkedQuery.pick({ after: true, limit: true }).shape,
})
export const commandQuery = z.strictObject({
  command: name.optional().meta({
    description: 'Any id; what was done by requests that carry the same one is told as one action',
  }),
})

/** Something of more than blanks. */
function said(wanted: string) {
  return text.trim().min(1, `${wanted}: this is blank`)
}

/** Kept beside what was done. */
const who = {
  by: said('Say who does this').max(200).meta({ description: 'Who does it' }),
  reason: said('Say why this is done').max(2_000).meta({ description: 'Why: kept in the audit table' }),
}
const keyPlace = z.strictObject({ topic: name, partition: z.number().int().min(0), key })

export const letterPath = z.object({
  id: name.meta({
    description:
      'Id of a dead letter: topic/partition/offset, with ~1 behind it where the topic was deleted and made again, ~2 where twice',
  }),
})
export const letterIds = z.strictObject({ ids: z.array(name).min(1).max(namesMax), ...who })
export const dataToCheck = z.strictObject({
  data: z
    .record(z.string(), z.unknown())
    .meta({ description: 'The event\'s data, whole, as it should have been; bytes as {"base64": "…"}' }),
})
export const mendedData = dataToCheck.extend(who)
export const keyPlaces = z.strictObject({ keys: z.array(keyPlace).min(1).max(namesMax), ...who })
export const keysToDiscard = keyPlaces.extend({
  what: z
    .enum(['head', 'all'])
    .meta({ description: 'Only the event that fails, or what is parked behind it, too' }),
})
export const recordsQuery = z.strictObject({
  topic: name,
  partition,
  key,
  after: offset.optional(),
  limit: parkedQuery.shape.limit,
})

const failure = z.object({
  reaction: z.string().nullable(),
  code: z.string(),
  message: z.string(),
  stack: z.string().nullable(),
  group: z.string(),
})
const event = z.object({ source: z.string(), id: z.string(), type: z.string(), saga: z.string() })
const place = { topic: z.string(), partition: z.number(), key: z.string() }

const logPlace = {
  offset: z.string(),
  life: z.number().meta({
    description: 'How often the topic had been deleted and made again: then the same offsets come once more',
  }),
}

export const letter = z.object({
  id: z.string(),
  ...place,
  ...logPlace,
  state: z.enum(['open', 'redriven', 'discarded']),
  event: event.nullable(),
  failure,
  attempts: z.number(),
  redrives: z.number(),
  firstFailedAt: z.string(),
  lastFailedAt: z.string(),
  bytes: z.number(),
})
const record = z.object({
  headers: z.record(z.string(), z.string()),
  recordKey: z.string().nullable().meta({ description: 'Base64' }),
  value: z.string().nullable().meta({ description: 'Base64' }),
  timestamp: z.string(),
  data: z.unknown().meta({
    description: 'The event as its schema reads it, bytes as {"base64": "…"}; null if it cannot be read',
  }),
  unreadable: z.string().nullable().meta({ description: 'Why it cannot be read' }),
})
export const checkedData = z.object({
  state: letter.shape.state,
  was: z.unknown().meta({ description: 'The data as it came; null if it cannot be read' }),
  unreadable: record.shape.unreadable,
  data: z.unknown().meta({ description: 'The data as the event will have it, defaults filled in' }),
})
export const letterWhole = letter.extend(record.shape)
export const group = z.object({
  group: z.string(),
  reaction: z.string().nullable(),
  code: z.string(),
  message: z.string(),
  count: z.number(),
  firstFailedAt: z.string(),
  lastFailedAt: z.string(),
})
export const parkedKey = z.object({
  ...place,
  state: z.enum(['waiting', 'paused', 'held']),
  events: z.number(),
  bytes: z.number(),
  since: z.string(),
  nextAt: z.string().nullable().meta({
    description:
      'When it is tried again; null for one that is held, or paused until its calls are made again',
  }),
  attempts: z.number(),
  failure: failure.nullable(),
  firstFailedAt: z.string().nullable(),
  lastFailedAt: z.string().nullable(),
  deadLetter: z.string().nullable().meta({ description: 'The dead letter for which it is held' }),
})
export const parkedRecord = z.object({ ...record.shape, ...logPlace, event: event.nullable() })
export const action = z.object({
  seq: z.string(),
  at: z.string().meta({ description: 'When it began' }),
  lastAt: z.string().meta({ description: 'When the last of its portions was done' }),
  by: z.string(),
  reason: z.string(),
  command: z.string().nullable(),
  did: z.string(),
  count: z.number().meta({ description: 'How many dead letters, keys or parked events it was done to' }),
  portions: z.number().meta({ description: 'In how many transactions' }),
  names: z.array(z.string()).meta({ description: 'The first hundred dead letters or keys' }),
})
export const redriven = z.object({
  redriven: z.array(z.string()).meta({ description: 'Those that nobody had redriven' }),
})
export const discarded = z.object({
  discarded: z.array(z.string()).meta({ description: 'Those that were open' }),
})
export const retried = z.object({ keys: z.number().meta({ description: 'How many of them are parked' }) })
export const discardedEvents = z.object({ events: z.number() })

export function pageShape<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next: z.string().nullable() })
}

export type Filter = z.output<typeof deadLetterQuery>

export function filterOf({
  partition,
  from,
  until,
  after: _after,
  limit: _limit,
  ...rest
}: Filter): DeadLetterFilter {
  return {
    ...rest,
    ...(partition === undefined ? {} : { partition: Number(partition) }),
    ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
    ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
  }
}

export function actionFilterOf(query: z.output<typeof actionsQuery>): OperatorActionFilter {
  const { by, did, name: its, from, until } = query
  return {
    by,
    did,
    name: its,
    fromMs: from === undefined ? undefined : Date.parse(from),
    untilMs: until === undefined ? undefined : Date.parse(until),
  }
}

export function pageOf(
  { after, limit }: { readonly after?: string | undefined; readonly limit?: string | undefined },
  first = 0n,
) {
  return { after: after === undefined ? first : BigInt(after), limit: Number(limit ?? 100) }
}

export function letterOf(one: DeadLetterSummary): z.output<typeof letter> {
  return {
    id: one.id,
    topic: one.topic,
    partition: one.partition,
    key: one.key,
    ...logPlaceOf(one),
    state: one.state,
    event: one.event ?? null,
    failure: failureFor(one.failure),
    attempts: one.attempts,
    redrives: one.redrives,
    firstFailedAt: isoOf(one.firstFailedAtMs),
    lastFailedAt: isoOf(one.lastFailedAtMs),
    bytes: one.bytes,
  }
}

export function groupOf({
  reaction,
  firstFailedAtMs,
  lastFailedAtMs,
  ...one
}: DeadLetterGroup): z.output<typeof group> {
  return {
    ...one,
    reaction: reaction ?? null,
    firstFailedAt: isoOf(firstFailedAtMs),
    lastFailedAt: isoOf(lastFailedAtMs),
  }
}

export function parkedKeyOf(one: StoredParkedKey): z.output<typeof parkedKey> {
  return {
    topic: one.topic,
    partition: one.partition,
    key: one.key,
    state: one.state,
    events: one.events,
    bytes: one.bytes,
    since: isoOf(one.sinceMs),
    nextAt: isoOrNull(one.nextAtMs),
    attempts: one.attempts,
    failure: one.failure ? failureFor(one.failure) : null,
    firstFailedAt: isoOrNull(one.firstFailedAtMs),
    lastFailedAt: isoOrNull(one.lastFailedAtMs),
    deadLetter: one.deadLetter ?? null,
  }
}

export function actionOf({
  seq,
  atMs,
  lastAtMs,
  command,
  ...one
}: StoredOperatorAction): z.output<typeof action> {
  return {
    ...one,
    seq: String(seq),
    at: isoOf(atMs),
    lastAt: isoOf(lastAtMs),
    command: command ?? null,
    names: [...one.names],
  }
}

/** What was read of a record's value, or why nothing was. */
export type Reading = { readonly data: unknown; readonly unreadable: string | null }

export function recordOf(one: RawRecord, reading: Reading): z.output<typeof record> {
  return {
    headers: Object.fromEntries(
      Object.entries(one.headers).flatMap(([header, value]) =>
        value === undefined ? [] : [[header, textOf(value)]],
      ),
    ),
    recordKey: base64Of(one.key),
    value: base64Of(one.value),
    timestamp: isoOf(one.timestampMs),
    ...reading,
  }
}

export function parkedRecordOf(
  { record: one, event: its }: AsideRecord,
  reading: Reading,
): z.output<typeof parkedRecord> {
  return { ...logPlaceOf(one), event: its ?? null, ...recordOf(one, reading) }
}

export function placeOf({
  topic,
  partition: number,
  key,
}: {
  readonly topic: string
  readonly partition: string
  readonly key: string
}): KeyPlace {
  return { topic, partition: Number(number), key }
}

function logPlaceOf({ offset: at, life = 0 }: Pick<RawRecord, 'offset' | 'life'>) {
  return { offset: String(at), life }
}

function failureFor({ reaction, code, message, stack, group: its }: Failure): z.output<typeof failure> {
  return { reaction: reaction ?? null, code, message, stack: stack ?? null, group: its }
}

function isoOf(ms: number): string {
  // Timestamps of records are their producers', and may be anything.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : isoOf(ms)
}

function base64Of(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  return Array.isArray(value) ? value.map(textOf).join(', ') : ''
}
