/** ListGroups: the groups that this node coordinates, which are all. Keeps nothing. */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, int16, int32, since, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  minVersion: 0,
  maxVersion: 2,
  flexibleFrom: 3,
  request: struct({}),
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: int16,
    groups: array(struct({ groupId: string, protocolType: string })),
  }),

  handle(_request, { services }) {
    const groups = services.groups
      .all()
      .map(({ group }) => ({ groupId: group.id, protocolType: group.protocolType ?? '' }))
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, groups }
  },
})
