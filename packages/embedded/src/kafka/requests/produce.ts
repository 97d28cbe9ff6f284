/**
 * Produce: appends batches. Keeps each batch as the opaque bytes it came in, after checking its size,
 * checksum, counts and (for idempotent producers) sequence. Ignores the timeout: there is no replica to
 * wait for, so acks 1 and -1 mean the same. Transactions are not served.
 */
import { checkProducedBatch, stampLogAppendTime } from '../log/record-batch.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  int16,
  int32,
  int64,
  nullableBytes,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/schema.ts'
import { type Call, defineApi } from '../server/api.ts'

const NO_TIMESTAMP = -1
const NO_OFFSET = -1

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  minVersion: 3,
  maxVersion: 8,
  flexibleFrom: 9,
  request: struct({
    transactionalId: nullableString,
    acks: int16,
    timeoutMs: int32,
    topics: array(
      struct({ name: string, partitions: array(struct({ index: int32, records: nullableBytes })) }),
    ),
  }),
  response: struct({
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: int64,
            logStartOffset: since(5, int64),
            recordErrors: since(8, array(struct({ batchIndex: int32, message: nullableString }))),
            errorMessage: since(8, nullableString),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32,
  }),

  handle({ acks, topics }, call) {
    const isAcksKnown = acks === 0 || acks === 1 || acks === -1
    const answered = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, records }) =>
        isAcksKnown
          ? append(name, index, records, call)
          : refused(index, ErrorCode.INVALID_REQUIRED_ACKS, `acks ${acks}`),
      ),
    }))
    return acks === 0 ? null : { topics: answered, throttleTimeMs: 0 }
  },
})

function append(topicName: string, index: number, records: Buffer | null, { services, connection }: Call) {
  const { topics, settings, log } = services
  const topic = topics.get(topicName)
  const partition = topic?.partitions[index]
  if (topic === undefined || partition === undefined) {
    return refused(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `no partition ${index} of ${topicName}`)
  }
  const refuse = (errorCode: ErrorCode, reason: string) => {
    // Said aloud too: with acks 0 nobody else would ever hear of it.
    log('warn', `refused a batch of ${connection.peer} for ${topicName}/${index}: ${reason}`)
    return refused(index, errorCode, reason)
  }
  const batchBytesMax = Number(topic.settings.get('max.message.bytes') ?? settings.messageBytesMax)
  const check = checkProducedBatch(records, batchBytesMax)
  if ('errorCode' in check) return refuse(check.errorCode, check.reason)

  const isLogAppendTime = topic.settings.get('message.timestamp.type') === 'LogAppendTime'
  const logAppendTimeMs = isLogAppendTime ? Date.now() : NO_TIMESTAMP
  const batch = records as Buffer
  if (isLogAppendTime) stampLogAppendTime(batch, logAppendTimeMs)
  try {
    const { errorCode, ...result } = partition.append(batch, check.header)
    if (errorCode !== ErrorCode.NONE)
      return refuse(errorCode, `producer ${check.header.producerId}: sequence or epoch`)
    const baseOffset = 'baseOffset' in result ? result.baseOffset : NO_OFFSET
    return {
      ...refused(index, errorCode, null),
      baseOffset,
      logAppendTimeMs,
      logStartOffset: partition.startOffset,
    }
  } catch (error) {
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, error instanceof Error ? error.message : String(error))
  }
}

function refused(index: number, errorCode: ErrorCode, errorMessage: string | null) {
  return {
    index,
    errorCode,
    baseOffset: NO_OFFSET,
    logAppendTimeMs: NO_TIMESTAMP,
    logStartOffset: NO_OFFSET,
    recordErrors: [],
    errorMessage,
  }
}
