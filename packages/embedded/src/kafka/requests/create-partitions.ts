/** CreatePartitions: lets a topic grow. Keeps the new partitions. Ignores the timeout. */
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  boolean,
  type Infer,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
  struct,
} from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { Services } from '../server/services.ts'
import { PARTITIONS_MAX } from '../topics/topic-catalogue.ts'

const growth = struct({
  name: string,
  count: int32,
  assignments: nullableArray(struct({ brokerIds: array(int32) })),
})

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  minVersion: 0,
  maxVersion: 1,
  flexibleFrom: 2,
  request: struct({ topics: array(growth), timeoutMs: int32, validateOnly: boolean }),
  response: struct({
    throttleTimeMs: int32,
    results: array(struct({ name: string, errorCode: int16, errorMessage: nullableString })),
  }),

  handle({ topics: wanted, validateOnly }, { services }) {
    const results = wanted.map((topic) => ({ name: topic.name, ...grow(topic, validateOnly, services) }))
    return { throttleTimeMs: 0, results }
  },
})

function grow({ name, count, assignments }: Infer<typeof growth>, isTrial: boolean, services: Services) {
  const topic = services.topics.get(name)
  if (topic === undefined) {
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: `there is no topic ${name}` }
  }
  const before = topic.partitions.length
  if (count <= before || count > PARTITIONS_MAX) {
    return {
      errorCode: ErrorCode.INVALID_PARTITIONS,
      errorMessage: `Topic ${name} has ${before} partitions; ${count} is no growth within ${PARTITIONS_MAX}.`,
    }
  }
  const isAssignmentMet =
    assignments === null ||
    (assignments.length === count - before &&
      assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === services.nodeId))
  if (!isAssignmentMet) {
    return {
      errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      errorMessage: `each of the ${count - before} new partitions needs node ${services.nodeId}, and no other`,
    }
  }
  if (!isTrial) services.topics.grow(topic, count)
  return { errorCode: ErrorCode.NONE, errorMessage: null }
}
