import type { OutgoingRecord } from '@troupe/core'
import { textArray } from '../wire/parameters.ts'
import { bytesOf, type Statement } from '../wire/statement.ts'
import { headersFrom, keyOf } from './outbox-record.ts'

const recordsMax = 500
const bytesMax = 4 * 1024 * 1024

export interface OutboxRow {
  readonly record: OutgoingRecord
  readonly seq: bigint
  readonly isLast: boolean
}

/** A page of the records asked for and of what was written for their topics and keys before: at least one record. */
export const listOutgoing: Statement<{ readonly ids: readonly string[]; readonly after: bigint }, OutboxRow> =
  {
    name: 'list-outgoing',
    text: (schema) => `
    WITH asked AS (
      SELECT id, seq, topic, key, key_is_text FROM ${schema}.outbox WHERE id = ANY ($1::text[])
    ), wanted AS (
      SELECT id FROM asked
      UNION
      SELECT earlier.id
      FROM (SELECT topic, key, max(seq) AS seq FROM asked WHERE key_is_text GROUP BY topic, key) AS mine
      JOIN ${schema}.outbox AS earlier
        ON earlier.key = mine.key AND earlier.key_is_text AND earlier.topic = mine.topic AND earlier.seq < mine.seq
    ), counted AS (
      SELECT id, seq, row_number() OVER earliest AS place, count(*) OVER () AS total,
        sum(coalesce(octet_length(value), 0)) OVER earliest AS bytes
      FROM wanted JOIN ${schema}.outbox USING (id) WHERE seq > $2::bigint
      WINDOW earliest AS (ORDER BY seq)
    )
    SELECT id, lane, topic, encode(key, 'hex'), key_is_text, headers, encode(value, 'hex'), seq, place = total
    FROM counted JOIN ${schema}.outbox USING (id, seq)
    WHERE place = 1 OR (place <= ${recordsMax} AND bytes <= ${bytesMax})
    ORDER BY seq`,
    parameters: ({ ids, after }) => [textArray(ids, 'record id'), String(after)],
    row: ([id, lane, topic, key, isText, headers, value, seq, isLast]) => ({
      record: {
        id: id as string,
        lane: lane as string,
        topic: topic as string,
        key: keyOf(bytesOf(key), isText === 't'),
        headers: headersFrom(headers as string),
        value: bytesOf(value),
      },
      seq: BigInt(seq as string),
      isLast: isLast === 't',
    }),
  }
