import type { RecalledKey } from '@troupe/core'
import { bigintArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { placesOf, unindexed } from './columns.ts'

/**
 * Makes keys due later that wait, unless somebody has touched them since they were read. Their version stays: what
 * was read of them is as true as before.
 */
export const putOffKeys: Statement<
  { readonly keys: readonly RecalledKey[]; readonly delayMs: number },
  undefined
> = {
  name: 'put-off-keys',
  text: (schema) => `
    UPDATE ${schema}.parked_key AS held SET next_at = now() + make_interval(secs => $5::bigint / 1000.0)
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) AS given(topic, partition, key, version)
    WHERE held.topic = given.topic AND held.partition = given.partition::int AND held.key = given.key
      AND held.version = given.version AND ${unindexed('held.state', 'waiting')}`,
  parameters: ({ keys, delayMs }) => [
    ...placesOf(keys),
    bigintArray(keys.map(({ version }) => version)),
    String(Math.ceil(delayMs)),
  ],
  row: noRow,
}
