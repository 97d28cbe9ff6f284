import type { ClaimedTopic, TopicPartition } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { type PositionRow, positionRow } from './read-position.ts'

interface ClaimInput extends TopicPartition {
  readonly found: ClaimedTopic
}

/**
 * Takes a partition over: the epoch goes up, so that whoever held it before is fenced. Waits for a settle that
 * holds the row. The id of a topic is kept with the first claim that knows it, and belongs to the offset from
 * then on.
 */
export const claimPosition: Statement<ClaimInput, PositionRow> = {
  name: 'claim-position',
  text: (schema) => `
    INSERT INTO ${schema}.position AS held (topic, partition, epoch, topic_id) VALUES ($1::text, $2::int, 1, $3::text)
    ON CONFLICT (topic, partition) DO UPDATE SET
      epoch = held.epoch + 1,
      next_offset = CASE WHEN $4::bool THEN NULL ELSE held.next_offset END,
      topic_id = CASE
        WHEN $4::bool OR held.topic_id IS NULL OR held.next_offset IS NULL THEN coalesce($3::text, held.topic_id)
        ELSE held.topic_id
      END
    RETURNING epoch, next_offset, topic_id`,
  parameters: ({ topic, partition, found: { id, startsOver = false } }) => [
    text(topic, 'topic'),
    String(partition),
    id === undefined ? null : text(id, 'id of the topic'),
    String(startsOver),
  ],
  row: positionRow,
}
