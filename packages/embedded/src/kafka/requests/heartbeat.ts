/** Heartbeat: a member is alive and asks whether anything is new. Keeps its session going. */
import { ErrorCode } from '../protocol/error-code.ts'
import { int16, int32, nullableString, since, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  minVersion: 0,
  maxVersion: 3,
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullableString),
  }),
  response: struct({ throttleTimeMs: since(1, int32), errorCode: int16 }),

  handle({ groupId, generationId, memberId, groupInstanceId }, { services }) {
    const group = services.groups.get(groupId)?.group
    const errorCode = group?.heartbeat(memberId, groupInstanceId, generationId) ?? ErrorCode.UNKNOWN_MEMBER_ID
    return { throttleTimeMs: 0, errorCode }
  },
})
