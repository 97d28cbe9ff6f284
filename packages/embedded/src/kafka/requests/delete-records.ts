/**
 * DeleteRecords: moves the start of a log up. Keeps the new start; space comes back by whole segments.
 * Ignores the timeout.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, int16, int32, int64, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { Services } from '../server/services.ts'

const HIGH_WATERMARK = -1
const NO_OFFSET = -1

export const deleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  minVersion: 0,
  maxVersion: 1,
  flexibleFrom: 2,
  request: struct({
    topics: array(struct({ name: string, partitions: array(struct({ index: int32, offset: int64 })) })),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ index: int32, lowWatermark: int64, errorCode: int16 })),
      }),
    ),
  }),

  handle({ topics }, { services }) {
    const answered = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, offset }) => ({
        index,
        ...deleteBefore(name, index, offset, services),
      })),
    }))
    services.topics.saveLogStarts()
    return { throttleTimeMs: 0, topics: answered }
  },
})

function deleteBefore(topic: string, partition: number, offset: number, { topics }: Services) {
  const log = topics.log(topic, partition)
  if (log === undefined) {
    return { lowWatermark: NO_OFFSET, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
  }
  const target = offset === HIGH_WATERMARK ? log.endOffset : offset
  if (target < 0 || target > log.endOffset) {
    return { lowWatermark: NO_OFFSET, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }
  }
  log.deleteBefore(target)
  return { lowWatermark: log.startOffset, errorCode: ErrorCode.NONE }
}
