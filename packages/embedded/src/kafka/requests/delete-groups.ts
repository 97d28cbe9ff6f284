/** DeleteGroups: forgets groups without members, and their offsets. */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, int16, int32, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  minVersion: 0,
  maxVersion: 1,
  flexibleFrom: 2,
  request: struct({ groupNames: array(string) }),
  response: struct({
    throttleTimeMs: int32,
    results: array(struct({ groupId: string, errorCode: int16 })),
  }),

  handle({ groupNames }, { services: { groups } }) {
    const results = groupNames.map((groupId) => {
      const entry = groups.get(groupId)
      if (entry === undefined) return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND }
      if (entry.group.state !== 'Empty') return { groupId, errorCode: ErrorCode.NON_EMPTY_GROUP }
      groups.delete(entry)
      return { groupId, errorCode: ErrorCode.NONE }
    })
    return { throttleTimeMs: 0, results }
  },
})
