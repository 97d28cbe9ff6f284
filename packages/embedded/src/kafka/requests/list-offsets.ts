/**
 * ListOffsets: the start of a log (-2), its end (-1), or the first record at or after a time. Keeps
 * nothing. Ignores isolation (no transactions) and replica id.
 */
import { findOffsetByTime } from '../log/time-lookup.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { array, int16, int32, int64, int8, since, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { Services } from '../server/services.ts'

const LATEST = -1
const EARLIEST = -2
const NONE = -1
const LEADER_EPOCH = 0

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  minVersion: 1,
  maxVersion: 5,
  flexibleFrom: 6,
  request: struct({
    replicaId: int32,
    isolationLevel: since(2, int8),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({ index: int32, currentLeaderEpoch: since(4, int32, () => -1), timestamp: int64 }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(2, int32),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            index: int32,
            errorCode: int16,
            timestamp: int64,
            offset: int64,
            leaderEpoch: since(4, int32),
          }),
        ),
      }),
    ),
  }),

  handle({ topics }, { services }) {
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((asked) => ({ index: asked.index, ...find(name, asked, services) })),
      })),
    }
  },
})

function find(
  topic: string,
  asked: { index: number; currentLeaderEpoch: number; timestamp: number },
  { topics }: Services,
) {
  const log = topics.log(topic, asked.index)
  if (log === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  if (asked.currentLeaderEpoch > LEADER_EPOCH) return refused(ErrorCode.UNKNOWN_LEADER_EPOCH)
  if (asked.timestamp === LATEST) return found(log.endOffset, NONE)
  if (asked.timestamp === EARLIEST) return found(log.startOffset, NONE)
  if (asked.timestamp < 0) return refused(ErrorCode.INVALID_REQUEST)
  const hit = findOffsetByTime(log, asked.timestamp)
  return hit ? found(hit.offset, hit.timestamp) : { ...found(NONE, NONE), leaderEpoch: NONE }
}

function found(offset: number, timestamp: number) {
  return { errorCode: ErrorCode.NONE, timestamp, offset, leaderEpoch: LEADER_EPOCH }
}

function refused(errorCode: ErrorCode) {
  return { errorCode, timestamp: NONE, offset: NONE, leaderEpoch: NONE }
}
