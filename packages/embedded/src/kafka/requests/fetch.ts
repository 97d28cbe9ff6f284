/**
 * Fetch: reads batches, and waits for them if there are too few. Keeps nothing: fetch sessions are not
 * offered (session id 0 in every answer), which every client accepts. Ignores replica id, rack and the
 * client's idea of the log's start. Isolation makes no difference without transactions.
 *
 * A parked fetch is answered by whichever comes first: enough bytes, a deleted topic, the end of its
 * time, the next request on its connection, a rebalance of its consumer's group, or the end of the
 * connection. Its time is capped by `fetchWaitMsMax`: kafkajs looks after its heartbeat only between
 * fetches, so a long poll delays its part in a rebalance.
 */
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  bytes,
  type Infer,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  since,
  string,
  struct,
} from '../protocol/schema.ts'
import { type Call, defineApi } from '../server/api.ts'

const LEADER_EPOCH = 0
const NO_REPLICA = -1
const NO_OFFSET = -1
const NO_RECORDS = Buffer.alloc(0)
/** Upper bound of one response, whatever the client asks for (Kafka's `fetch.max.bytes`). */
const RESPONSE_BYTES_MAX = 55 * 1024 * 1024

const partitionRequest = struct({
  partition: int32,
  currentLeaderEpoch: since(9, int32, () => -1),
  fetchOffset: int64,
  logStartOffset: since(5, int64),
  partitionMaxBytes: int32,
})
const request = struct({
  replicaId: int32,
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: int32,
  isolationLevel: int8,
  sessionId: since(7, int32),
  sessionEpoch: since(7, int32, () => -1),
  topics: array(struct({ name: string, partitions: array(partitionRequest) })),
  forgottenTopics: since(7, array(struct({ name: string, partitions: array(int32) }))),
  rackId: since(11, string),
})
const response = struct({
  throttleTimeMs: int32,
  errorCode: since(7, int16),
  sessionId: since(7, int32),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          errorCode: int16,
          highWatermark: int64,
          lastStableOffset: int64,
          logStartOffset: since(5, int64),
          abortedTransactions: nullableArray(struct({ producerId: int64, firstOffset: int64 })),
          preferredReadReplica: since(11, int32),
          records: bytes,
        }),
      ),
    }),
  ),
})
type Request = Infer<typeof request>
type Response = Infer<typeof response>

interface Reading {
  readonly response: Response
  readonly byteCount: number
  /** Errors are told at once, however long the client would wait for data. */
  readonly hasError: boolean
}

export const fetch = defineApi<Request, Response>({
  key: 1,
  name: 'Fetch',
  minVersion: 4,
  maxVersion: 11,
  flexibleFrom: 12,
  request,
  response,
  handle(asked, call) {
    if (asked.sessionId !== 0) {
      // Not one of ours: we never give any out.
      return { throttleTimeMs: 0, errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0, topics: [] }
    }
    const reading = read(asked, call)
    const waitMs = Math.min(asked.maxWaitMs, call.services.settings.fetchWaitMsMax)
    if (isDue(asked, reading) || waitMs <= 0) return reading.response
    return park(asked, call, waitMs)
  },
})

function isDue({ minBytes }: Request, { byteCount, hasError }: Reading): boolean {
  return hasError || byteCount >= minBytes
}

function park(asked: Request, call: Call, waitMs: number): Promise<Response> {
  return new Promise((resolve) => {
    const undo: (() => void)[] = []
    let isAnswered = false
    let isAboutToLook = false
    const answer = (reading: Reading): void => {
      isAnswered = true
      for (const step of undo) step()
      resolve(reading.response)
    }
    const answerWithWhatThereIs = (): void => answer(read(asked, call))
    const look = (): void => {
      if (isAboutToLook) return
      isAboutToLook = true
      // Not before the request that woke it has appended to all of its partitions: else the answer would hold
      // those of the first alone.
      queueMicrotask(() => {
        isAboutToLook = false
        if (isAnswered) return
        const reading = read(asked, call)
        if (isDue(asked, reading)) answer(reading)
      })
    }
    for (const log of logsOf(asked, call)) undo.push(log.onChange(look))
    undo.push(call.connection.park(answerWithWhatThereIs))
    const timer = setTimeout(answerWithWhatThereIs, waitMs).unref()
    undo.push(() => clearTimeout(timer))
  })
}

function* logsOf({ topics }: Request, { services }: Call): Generator<PartitionLog> {
  for (const { name, partitions } of topics) {
    for (const { partition } of partitions) {
      const log = services.topics.log(name, partition)
      if (log !== undefined) yield log
    }
  }
}

function read(asked: Request, { services }: Call): Reading {
  let byteCount = 0
  let hasError = false
  let room = Math.min(asked.maxBytes, RESPONSE_BYTES_MAX)
  const topics = asked.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((part) => {
      const log = services.topics.log(name, part.partition)
      const errorCode = whyNotReadable(log, part.fetchOffset, part.currentLeaderEpoch)
      if (log === undefined || errorCode !== ErrorCode.NONE) {
        hasError = true
        return describe(part.partition, errorCode, log, NO_RECORDS)
      }
      // The first batch of a response goes out whole, however large: a consumer with small limits
      // would otherwise never get past it.
      const bytesMax = Math.min(room, part.partitionMaxBytes)
      const records = log.read(part.fetchOffset, bytesMax, byteCount === 0)
      byteCount += records.length
      room = Math.max(0, room - records.length)
      return describe(part.partition, errorCode, log, records)
    }),
  }))
  return {
    response: { throttleTimeMs: 0, errorCode: ErrorCode.NONE, sessionId: 0, topics },
    byteCount,
    hasError,
  }
}

function whyNotReadable(log: PartitionLog | undefined, offset: number, leaderEpoch: number): ErrorCode {
  if (log === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  if (leaderEpoch > LEADER_EPOCH) return ErrorCode.UNKNOWN_LEADER_EPOCH
  if (offset < log.startOffset || offset > log.endOffset) return ErrorCode.OFFSET_OUT_OF_RANGE
  return ErrorCode.NONE
}

function describe(
  partitionIndex: number,
  errorCode: ErrorCode,
  log: PartitionLog | undefined,
  records: Buffer,
) {
  const endOffset = log?.endOffset ?? NO_OFFSET
  return {
    partitionIndex,
    errorCode,
    highWatermark: endOffset,
    lastStableOffset: endOffset,
    logStartOffset: log?.startOffset ?? NO_OFFSET,
    abortedTransactions: [],
    preferredReadReplica: NO_REPLICA,
    records,
  }
}
