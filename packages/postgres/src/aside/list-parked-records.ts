import { type AsidePage, type AsideRecord, type KeyPlace, logPlaceOf } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'
import { eventFrom, recordFrom, recordSelected } from './columns.ts'
import { pageParameters } from './filters.ts'
import type { Numbered } from './list-parked-keys.ts'

/** What is parked for a key, in the order in which it will be tried. */
export const listParkedRecords: Statement<
  { readonly key: KeyPlace; readonly page: AsidePage },
  Numbered<AsideRecord>
> = {
  name: 'list-parked-records',
  text: (schema) => `
    SELECT source, id, type, saga, ${recordSelected} FROM ${schema}.parked_event
    WHERE topic = $1::text AND partition = $2::int AND key = $3::text AND record_offset > $4::bigint
    ORDER BY record_offset LIMIT $5::int`,
  parameters: ({ key: { topic, partition, key }, page }) => [
    text(topic, 'topic'),
    String(partition),
    text(key, 'key'),
    ...pageParameters(page),
  ],
  row([source, id, type, saga, ...fields]) {
    const record = recordFrom(fields)
    return {
      seq: logPlaceOf(record),
      one: { record, event: eventFrom([source ?? null, id ?? null, type ?? null, saga ?? null]) },
    }
  },
}
