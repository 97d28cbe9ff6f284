import type { AsideRecord, KeyPlace } from '@troupe/core'
import { noRow, type Statement } from '../wire/statement.ts'
import { placesOf, recordColumns, recordParameters, recordTypes } from './columns.ts'

/** Events that are parked, each under its key. */
export const insertParkedEvents: Statement<
  readonly (AsideRecord & { readonly place: KeyPlace })[],
  undefined
> = {
  name: 'insert-parked-events',
  text: (schema) => `
    INSERT INTO ${schema}.parked_event (topic, partition, key, ${recordColumns})
    SELECT topic, partition, key, record_offset, record_key, headers::json, value, timestamp_ms, source, id, type, saga, bytes
    FROM unnest($1::text[], $2::bigint[], $3::text[], ${recordTypes(4)})
      AS given(topic, partition, key, ${recordColumns})`,
  parameters: (events) => [...placesOf(events.map(({ place }) => place)), ...recordParameters(events)],
  row: noRow,
}
