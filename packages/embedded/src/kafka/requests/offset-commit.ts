/**
 * OffsetCommit: how far a group has come. Keeps the offset, negative ones included (kafkajs commits -1 and
 * -2 for "the end" and "the beginning" and resolves them when it reads them back). Ignores retention
 * times: committed offsets stay until their topic or group is deleted.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  between,
  int16,
  int32,
  int64,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { OffsetCommit } from '../groups/committed-offsets.ts'

/** Kafka's `offset.metadata.max.bytes`. */
const METADATA_BYTES_MAX = 4096

export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  minVersion: 0,
  maxVersion: 7,
  flexibleFrom: 8,
  request: struct({
    groupId: string,
    generationId: since(1, int32, () => -1),
    memberId: since(1, string),
    groupInstanceId: since(7, nullableString),
    retentionTimeMs: between(2, 4, int64),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            index: int32,
            offset: int64,
            leaderEpoch: since(6, int32, () => -1),
            commitTimestamp: between(1, 1, int64),
            metadata: nullableString,
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(3, int32),
    topics: array(struct({ name: string, partitions: array(struct({ index: int32, errorCode: int16 })) })),
  }),

  handle({ groupId, generationId, memberId, groupInstanceId, topics: asked }, { services }) {
    const { groups, topics } = services
    const verdict =
      groupId === ''
        ? ErrorCode.INVALID_GROUP_ID
        : (groups.get(groupId)?.group.checkCommit(memberId, groupInstanceId, generationId) ??
          // Nobody knows the group: anyone may start it, except a member who lost it in a restart.
          (generationId < 0 ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION))
    const commits: OffsetCommit[] = []
    const answered = asked.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, offset, leaderEpoch, metadata }) => {
        let errorCode: ErrorCode = verdict
        if (errorCode === ErrorCode.NONE && topics.log(name, index) === undefined) {
          errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        }
        if (errorCode === ErrorCode.NONE && Buffer.byteLength(metadata ?? '') > METADATA_BYTES_MAX) {
          errorCode = ErrorCode.OFFSET_METADATA_TOO_LARGE
        }
        if (errorCode === ErrorCode.NONE) {
          commits.push({ topic: name, partition: index, offset, leaderEpoch, metadata: metadata ?? '' })
        }
        return { index, errorCode }
      }),
    }))
    groups.commit(groupId, commits)
    return { throttleTimeMs: 0, topics: answered }
  },
})
