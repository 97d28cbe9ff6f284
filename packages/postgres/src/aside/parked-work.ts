import type { KeyPlace, ParkedWork, ParkedWorkLimits } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'
import { inMs, placesOf, recordFrom, unindexed } from './columns.ts'

type Row = Omit<ParkedWork, 'records'> & { readonly record: ParkedWork['records'][number] | undefined }

/** The first records of parked keys that wait, key by key, bounded by count and bytes: at least one row. */
const statement: Statement<ParkedWorkLimits & { readonly keys: readonly KeyPlace[] }, Row> = {
  name: 'parked-work',
  text: (schema) => `
    WITH work AS (
      SELECT asked.place, held.topic, held.partition, held.key, held.version, held.attempts, held.first_failed_at,
        event.record_offset, event.record_key, event.headers, event.value, event.timestamp_ms, event.redrives,
        sum(coalesce(event.bytes, 0)) OVER earliest AS total, row_number() OVER earliest AS nth
      FROM unnest($1::text[], $2::bigint[], $3::text[]) WITH ORDINALITY AS asked(topic, partition, key, place)
      JOIN ${schema}.parked_key AS held
        ON held.topic = asked.topic AND held.partition = asked.partition::int AND held.key = asked.key
      LEFT JOIN LATERAL (
        SELECT * FROM ${schema}.parked_event AS one
        WHERE one.topic = held.topic AND one.partition = held.partition AND one.key = held.key
        ORDER BY one.record_offset LIMIT $4::int
      ) AS event ON true
      WHERE ${unindexed('held.state', 'waiting')}
      WINDOW earliest AS (ORDER BY asked.place, event.record_offset)
    )
    SELECT key, version, attempts, ${inMs('first_failed_at')}, redrives,
      topic, partition, record_offset, encode(record_key, 'hex'), headers, encode(value, 'hex'), timestamp_ms
    FROM work WHERE nth = 1 OR total <= $5::bigint ORDER BY nth`,
  parameters: ({ keys, recordsPerKeyMax, bytesMax }) => [
    ...placesOf(keys),
    String(recordsPerKeyMax),
    String(bytesMax),
  ],
  row([key, version, attempts, firstFailedMs, redrives, ...record]) {
    const [topic, partition, offset] = record
    return {
      topic: topic as string,
      partition: Number(partition),
      key: key as string,
      version: Number(version),
      attempts: Number(attempts),
      firstFailedAtMs: firstFailedMs === null ? undefined : Number(firstFailedMs),
      record: offset === null ? undefined : { ...recordFrom(record), redrives: Number(redrives) },
    }
  },
}

export const parkedWork = {
  statement,
  /** Rows of one key come one after the other. */
  together(rows: readonly Row[]): readonly ParkedWork[] {
    const all: (Omit<ParkedWork, 'records'> & { readonly records: ParkedWork['records'][number][] })[] = []
    for (const { record, ...key } of rows) {
      const last = all.at(-1)
      const isSame = last?.key === key.key && last.partition === key.partition && last.topic === key.topic
      const one = isSame ? last : { ...key, records: [] }
      if (!isSame) all.push(one)
      if (record) one.records.push(record)
    }
    return all
  },
}
