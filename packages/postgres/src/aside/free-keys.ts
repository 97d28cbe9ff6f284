import type { KeyPlace } from '@troupe/core'
import { noRow, type Statement } from '../wire/statement.ts'
import { placesOf, unindexed } from './columns.ts'

/** Those of these keys for which nothing is left, and which nobody holds, are parked no more. */
export const freeKeys: Statement<readonly KeyPlace[], undefined> = {
  name: 'free-keys',
  text: (schema) => `
    DELETE FROM ${schema}.parked_key AS held
    USING unnest($1::text[], $2::bigint[], $3::text[]) AS given(topic, partition, key)
    WHERE held.topic = given.topic AND held.partition = given.partition AND held.key = given.key
      AND held.events = 0 AND ${unindexed('held.state', 'waiting')}`,
  parameters: placesOf,
  row: noRow,
}
