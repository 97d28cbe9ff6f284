import type { TopicPartition } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { type PositionRow, positionRow } from './read-position.ts'

/** Takes a partition over: the epoch goes up, so that whoever held it before is fenced. Waits for a settle that holds the row. */
export const claimPosition: Statement<TopicPartition, PositionRow> = {
  name: 'claim-position',
  text: (schema) => `
    INSERT INTO ${schema}.position AS held (topic, partition, epoch) VALUES ($1::text, $2::int, 1)
    ON CONFLICT (topic, partition) DO UPDATE SET epoch = held.epoch + 1
    RETURNING epoch, next_offset`,
  parameters: ({ topic, partition }) => [text(topic, 'topic'), String(partition)],
  row: positionRow,
}
