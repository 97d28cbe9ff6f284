/**
 * FindCoordinator: this node coordinates every group. Keeps nothing. Coordinators of transactions are not
 * offered.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { int16, int32, int8, nullableString, since, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

const GROUP = 0

export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  minVersion: 0,
  maxVersion: 2,
  flexibleFrom: 3,
  request: struct({ key: string, keyType: since(1, int8) }),
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: int16,
    errorMessage: since(1, nullableString),
    nodeId: int32,
    host: string,
    port: int32,
  }),

  handle({ keyType }, { services: { nodeId, host, port } }) {
    if (keyType === GROUP) {
      return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, nodeId, host, port }
    }
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: 'this broker coordinates groups only, it has no transactions',
      nodeId: -1,
      host: '',
      port: -1,
    }
  },
})
