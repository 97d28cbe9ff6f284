/** OffsetFetch: how far a group had come. Keeps nothing; what was never committed is offset -1, no error. */
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { CommittedOffsets } from '../groups/committed-offsets.ts'

const NEVER_COMMITTED = { offset: -1, leaderEpoch: -1, metadata: '' }

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  minVersion: 1,
  maxVersion: 5,
  flexibleFrom: 6,
  request: struct({
    groupId: string,
    topics: nullableArray(struct({ name: string, partitionIndexes: array(int32) })),
  }),
  response: struct({
    throttleTimeMs: since(3, int32),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            index: int32,
            offset: int64,
            leaderEpoch: since(5, int32),
            metadata: nullableString,
            errorCode: int16,
          }),
        ),
      }),
    ),
    errorCode: since(2, int16),
  }),

  handle({ groupId, topics }, { services }) {
    const offsets = services.groups.get(groupId)?.offsets
    const asked = topics ?? allOf(offsets)
    return {
      throttleTimeMs: 0,
      topics: asked.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((index) => ({
          index,
          ...(offsets?.get(name, index) ?? NEVER_COMMITTED),
          errorCode: ErrorCode.NONE,
        })),
      })),
      errorCode: ErrorCode.NONE,
    }
  },
})

function allOf(offsets: CommittedOffsets | undefined): { name: string; partitionIndexes: number[] }[] {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of offsets?.all() ?? []) {
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition])
  }
  return [...byTopic].map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
}
