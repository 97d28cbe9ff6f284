/**
 * JoinGroup: a consumer wants to be a member, or takes part in a rebalance. Keeps the member and the
 * group in memory. Parks until the group is complete; see `groups/group.ts`.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, bytes, int16, int32, nullableString, since, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

const REBALANCE_TIMEOUT_IS_SESSION_TIMEOUT = -1

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  minVersion: 0,
  maxVersion: 5,
  flexibleFrom: 6,
  request: struct({
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: since(1, int32, () => REBALANCE_TIMEOUT_IS_SESSION_TIMEOUT),
    memberId: string,
    groupInstanceId: since(5, nullableString),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
  }),
  response: struct({
    throttleTimeMs: since(2, int32),
    errorCode: int16,
    generationId: int32,
    protocolName: string,
    leader: string,
    memberId: string,
    members: array(struct({ memberId: string, groupInstanceId: since(5, nullableString), metadata: bytes })),
  }),

  async handle(request, { version, clientId, connection, services: { groups, settings } }) {
    const { groupId, memberId, sessionTimeoutMs, rebalanceTimeoutMs } = request
    const refuse = (errorCode: ErrorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      generationId: -1,
      protocolName: '',
      leader: '',
      memberId,
      members: [],
    })
    if (groupId === '') return refuse(ErrorCode.INVALID_GROUP_ID)
    if (sessionTimeoutMs < settings.sessionTimeoutMinMs || sessionTimeoutMs > settings.sessionTimeoutMaxMs) {
      return refuse(ErrorCode.INVALID_SESSION_TIMEOUT)
    }
    // Whoever claims to be a member of a group that is not there was one before a restart.
    if (memberId !== '' && groups.get(groupId) === undefined) return refuse(ErrorCode.UNKNOWN_MEMBER_ID)
    const joined = await groups.getOrCreate(groupId).group.join({
      memberId,
      instanceId: request.groupInstanceId,
      clientId,
      clientHost: connection.clientHost,
      sessionTimeoutMs,
      rebalanceTimeoutMs:
        rebalanceTimeoutMs === REBALANCE_TIMEOUT_IS_SESSION_TIMEOUT ? sessionTimeoutMs : rebalanceTimeoutMs,
      protocolType: request.protocolType,
      protocols: request.protocols,
      isKnownIdRequired: version >= 4,
      onRebalance: () => connection.releaseParked(),
    })
    return {
      ...joined,
      throttleTimeMs: 0,
      protocolName: joined.protocolName ?? '',
      members: [...joined.members],
    }
  },
})
