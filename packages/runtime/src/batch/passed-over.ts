import type { RawRecord, Service } from '@troupe/core'
import type { PassedOver } from './decode.ts'
import type { SparingLog } from '../observe/sparing-log.ts'

/** Says what was passed over, unless its type said at once that it is for others. */
export function sayPassedOver(
  why: PassedOver,
  { topic, partition, offset }: RawRecord,
  { service, sparingLog }: { readonly service: Service; readonly sparingLog: SparingLog },
): void {
  if (why === 'type-not-heard') return
  sparingLog.say(
    'info',
    `passed over on ${topic}, ${why}`,
    { topic, partition, offset: String(offset), why },
    `A record without a type header is passed over on ${topic}: ${
      why === 'tombstone' ? 'it has no value' : `${service.name} hears no event of its schema`
    }`,
  )
}
