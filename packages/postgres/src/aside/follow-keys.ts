import type { ParkedKeyWrite } from '@troupe/core'
import { refusal } from '../database-error.ts'
import { bigintArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { bytesIn, placesOf } from './columns.ts'

type Follow = ParkedKeyWrite & { readonly form: 'follow' }

/** Counts events that come behind parked keys: refuses the transaction unless each key is still parked. */
export const followKeys: Statement<readonly Follow[], undefined> = {
  name: 'follow-keys',
  text: (schema) => `
    WITH written AS (
      UPDATE ${schema}.parked_key AS held
      SET events = held.events + given.events, bytes = held.bytes + given.bytes
      FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
        AS given(topic, partition, key, events, bytes)
      WHERE held.topic = given.topic AND held.partition = given.partition AND held.key = given.key
      RETURNING 1
    )
    SELECT ${schema}.refuse('${refusal.conflict}', 'a key is not parked any more')
    WHERE (SELECT count(*) FROM written) <> cardinality($1::text[])`,
  parameters: (keys) => [
    ...placesOf(keys),
    bigintArray(keys.map(({ records }) => records.length)),
    bigintArray(keys.map(({ records }) => records.reduce((all, { record }) => all + bytesIn(record), 0))),
  ],
  row: noRow,
}
