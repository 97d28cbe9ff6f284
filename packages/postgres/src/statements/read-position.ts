import { type Claim, ofLife, type TopicPartition } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Fields, Statement } from '../wire/statement.ts'

export type PositionRow = Pick<Claim, 'epoch' | 'next' | 'topicId' | 'life'>

export const readPosition: Statement<TopicPartition, PositionRow> = {
  name: 'read-position',
  text: (schema) => `
    SELECT epoch, next_offset, topic_id, life FROM ${schema}.position
    WHERE topic = $1::text AND partition = $2::int`,
  parameters: ({ topic, partition }) => [text(topic, 'topic'), String(partition)],
  row: positionRow,
}

export function positionRow([epoch, next, topicId, life]: Fields): PositionRow {
  return {
    epoch: Number(epoch),
    next: next === null || next === undefined ? undefined : BigInt(next),
    ...(topicId === null || topicId === undefined ? {} : { topicId }),
    ...ofLife(Number(life)),
  }
}
