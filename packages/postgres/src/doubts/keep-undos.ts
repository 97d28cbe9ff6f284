import type { KeptUndo } from '@troupe/core'
import { placesOf, recordParameters, recordTypes } from '../aside/columns.ts'
import { noRow, type Statement } from '../wire/statement.ts'
import { stepNames } from './step-names.ts'

const kept =
  'topic, partition, key, record_offset, record_key, headers, value, timestamp_ms, source, id, type, bytes'
const excluded = kept.replaceAll(/\w+/g, (column) => `EXCLUDED.${column}`)

/** The events that bar steps: that each step is barred once, the steps' own rows see to. */
export const keepUndos: Statement<readonly KeptUndo[], undefined> = {
  name: 'keep-undos',
  text: (schema) => `
    INSERT INTO ${schema}.doubt (saga, step, ${kept})
    SELECT own_saga, step, topic, partition, key, record_offset, record_key, headers::json, value, timestamp_ms,
      source, id, type, bytes
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], ${recordTypes(6)})
      AS given(own_saga, step, topic, partition, key, record_offset, record_key, headers, value, timestamp_ms,
        source, id, type, saga, bytes)
    ORDER BY own_saga, step
    ON CONFLICT (saga, step) DO UPDATE SET (${kept}) = (${excluded})`,
  parameters: (undos) => [
    ...stepNames(undos),
    ...placesOf(undos.map(({ place }) => place)),
    ...recordParameters(undos),
  ],
  row: noRow,
}
