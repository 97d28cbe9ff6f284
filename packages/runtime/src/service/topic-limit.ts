import { isTroupeError, type Log, messageOf, type Service } from '@troupe/core'
import type { Settings } from '../settings/environment.ts'

/**
 * Warns where the service may emit what its topic does not take: such an event would be committed, and Kafka
 * would refuse it for good, unless it fits once it is compressed. What cannot be asked is no reason not to start.
 *
 * @param ask how large a record may be for a topic to take it
 */
export async function warnOfSmallTopic(
  { topic, says }: Pick<Service, 'topic' | 'says'>,
  { eventBytesMax }: Pick<Settings, 'eventBytesMax'>,
  { ask, log }: { readonly ask: (topic: string) => Promise<number | undefined>; readonly log: Log },
): Promise<void> {
  if (says.length === 0) return
  try {
    const recordBytesMax = await ask(topic)
    if (recordBytesMax === undefined || recordBytesMax >= eventBytesMax) return
    log.warn(
      { topic, recordBytesMax, eventBytesMax },
      `${topic} takes no event of more than ${recordBytesMax} bytes (max.message.bytes), but up to ${eventBytesMax} may be emitted (TROUPE_EVENT_BYTES_MAX): what is larger, compressed as well, Kafka would refuse for good. Raise max.message.bytes of the topic to ${eventBytesMax}, or set TROUPE_EVENT_BYTES_MAX=${recordBytesMax}, which refuses such an event before anything is committed.`,
    )
  } catch (error) {
    const why = isTroupeError(error, 'TROUPE_ACCESS_DENIED') ? 'may not be asked' : 'could not be asked'
    log.debug({ topic, err: error }, `how large an event ${topic} takes ${why}: ${messageOf(error)}`)
  }
}
