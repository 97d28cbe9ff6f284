import type { OutgoingRecord } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import { bytesOf, type Statement } from '../wire/statement.ts'
import { headersFrom, keyOf } from './outbox-record.ts'

export const listUnpublished: Statement<string, OutgoingRecord> = {
  name: 'list-unpublished',
  text: (schema) => `
    SELECT id, lane, topic, encode(key, 'hex'), key_is_text, headers, encode(value, 'hex')
    FROM ${schema}.outbox WHERE lane = $1::text ORDER BY seq`,
  parameters: (lane) => [text(lane, 'lane')],
  row: ([id, lane, topic, key, isText, headers, value]) => ({
    id: id as string,
    lane: lane as string,
    topic: topic as string,
    key: keyOf(bytesOf(key), isText === 't'),
    headers: headersFrom(headers as string),
    value: bytesOf(value),
  }),
}
