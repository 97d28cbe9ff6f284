import type { AsidePage, StoredOperatorAction } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'
import { inMs } from './columns.ts'
import { pageParameters } from './filters.ts'
import type { Numbered } from './list-parked-keys.ts'

export const listOperatorActions: Statement<AsidePage, Numbered<StoredOperatorAction>> = {
  name: 'list-operator-actions',
  text: (schema) => `
    SELECT seq, ${inMs('at')}, by, reason, did, count, names FROM ${schema}.operator_action
    WHERE seq > $1::bigint ORDER BY seq LIMIT $2::int`,
  parameters: pageParameters,
  row: ([seq, atMs, by, reason, did, count, names]) => ({
    seq: BigInt(seq as string),
    one: {
      seq: BigInt(seq as string),
      atMs: Number(atMs),
      by: by as string,
      reason: reason as string,
      did: did as StoredOperatorAction['did'],
      count: Number(count),
      names: JSON.parse(names as string) as string[],
    },
  }),
}
