/**
 * SyncGroup: the leader brings the assignment, the others fetch theirs. Keeps each member's assignment,
 * opaque, until the next rebalance. Followers park until the leader has spoken.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, bytes, int16, int32, nullableString, since, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  minVersion: 0,
  maxVersion: 3,
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullableString),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  }),
  response: struct({ throttleTimeMs: since(1, int32), errorCode: int16, assignment: bytes }),

  async handle({ groupId, generationId, memberId, groupInstanceId, assignments }, { services }) {
    const group = services.groups.get(groupId)?.group
    if (group === undefined) {
      return { throttleTimeMs: 0, errorCode: ErrorCode.UNKNOWN_MEMBER_ID, assignment: Buffer.alloc(0) }
    }
    const { errorCode, assignment } = await group.sync(memberId, groupInstanceId, generationId, assignments)
    return { throttleTimeMs: 0, errorCode, assignment }
  },
})
