/**
 * InitProducerId: gives an idempotent producer its id. Keeps the counter, so that no id is given twice on
 * the same data. Transactional ids are refused: transactions are not served.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { int16, int32, int64, nullableString, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'

const NO_PRODUCER = -1

export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  minVersion: 0,
  maxVersion: 1,
  flexibleFrom: 2,
  request: struct({ transactionalId: nullableString, transactionTimeoutMs: int32 }),
  response: struct({ throttleTimeMs: int32, errorCode: int16, producerId: int64, producerEpoch: int16 }),

  handle({ transactionalId }, { services }) {
    if (transactionalId !== null) {
      services.log('warn', `refused transactional id ${transactionalId}: this broker has no transactions`)
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.INVALID_REQUEST,
        producerId: NO_PRODUCER,
        producerEpoch: NO_PRODUCER,
      }
    }
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      producerId: services.nextProducerId(),
      producerEpoch: 0,
    }
  },
})
