import type { PositionMove } from '@troupe/core'
import { refusal } from '../database-error.ts'
import { text } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/**
 * The fence. Goes first in a settlement: it locks the partition's row, so that a claim waits, and it
 * fails the transaction where an UPDATE that matched nothing would let the rest be written.
 */
export const movePosition: Statement<PositionMove, undefined> = {
  name: 'move-position',
  text: (schema) => `
    WITH moved AS (
      UPDATE ${schema}.position SET next_offset = $5::bigint
      WHERE topic = $1::text AND partition = $2::int
        AND epoch = $3::bigint AND next_offset IS NOT DISTINCT FROM $4::bigint
      RETURNING 1
    )
    SELECT ${schema}.refuse('${refusal.fenced}', 'the position is not the expected one')
    WHERE NOT EXISTS (SELECT FROM moved)`,
  parameters: ({ topic, partition, epoch, from, to }) => [
    text(topic, 'topic'),
    String(partition),
    String(epoch),
    from === undefined ? null : String(from),
    to === undefined ? null : String(to),
  ],
  row: noRow,
}
