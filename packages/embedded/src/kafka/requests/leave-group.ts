/** LeaveGroup: members go, by themselves or (static ones) by an administrator's hand. Keeps nothing. */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, between, int16, int32, nullableString, since, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  minVersion: 0,
  maxVersion: 3,
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    memberId: between(0, 2, string),
    members: since(3, array(struct({ memberId: string, groupInstanceId: nullableString }))),
  }),
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: int16,
    members: since(3, array(struct({ memberId: string, groupInstanceId: nullableString, errorCode: int16 }))),
  }),

  handle({ groupId, memberId, members }, { version, services }) {
    const group = services.groups.get(groupId)?.group
    const leave = (id: string, instanceId: string | null): ErrorCode =>
      group?.leave(id, instanceId) ?? ErrorCode.UNKNOWN_MEMBER_ID
    if (version < 3) return { throttleTimeMs: 0, errorCode: leave(memberId, null), members: [] }
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      members: members.map((member) => ({
        ...member,
        errorCode: leave(member.memberId, member.groupInstanceId),
      })),
    }
  },
})
