/**
 * DescribeGroups: state and members of groups. Keeps nothing. A group that nobody knows is "Dead", without
 * an error; what members brought along and got assigned is told while the group is Stable only.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { Group } from '../groups/group.ts'
import { type Member, NO_ASSIGNMENT } from '../groups/member.ts'

const OPERATIONS_NOT_ASKED = -(2 ** 31)

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  minVersion: 0,
  maxVersion: 4,
  flexibleFrom: 5,
  request: struct({ groups: array(string), includeAuthorizedOperations: since(3, boolean) }),
  response: struct({
    throttleTimeMs: since(1, int32),
    groups: array(
      struct({
        errorCode: int16,
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: since(4, nullableString),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: since(3, int32),
      }),
    ),
  }),

  handle({ groups }, { services }) {
    const described = groups.map((groupId) => describe(groupId, services.groups.get(groupId)?.group))
    return { throttleTimeMs: 0, groups: described }
  },
})

function describe(groupId: string, group: Group | undefined) {
  const isStable = group?.state === 'Stable'
  return {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: group?.state ?? 'Dead',
    protocolType: group?.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: (group?.members ?? []).map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? metadataOf(member, group.protocolName) : NO_ASSIGNMENT,
      memberAssignment: isStable ? member.assignment : NO_ASSIGNMENT,
    })),
    authorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

function metadataOf({ protocols }: Member, protocolName: string | null): Buffer {
  return protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_ASSIGNMENT
}
