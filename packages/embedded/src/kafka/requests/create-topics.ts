/**
 * CreateTopics: keeps topics with their partitions and settings. Ignores the timeout (a topic is there when
 * the answer is) and which replicas an assignment names, as long as there is one each: this is one node.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  boolean,
  type Infer,
  int16,
  int32,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { Services } from '../server/services.ts'
import { isLegalTopicName, PARTITIONS_MAX } from '../topics/topic-catalogue.ts'
import { whySettingIsWrong } from '../topics/topic-config.ts'

const DEFAULT = -1

const wantedTopic = struct({
  name: string,
  numPartitions: int32,
  replicationFactor: int16,
  assignments: array(struct({ partitionIndex: int32, brokerIds: array(int32) })),
  configs: array(struct({ name: string, value: nullableString })),
})
type WantedTopic = Infer<typeof wantedTopic>

export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  minVersion: 0,
  maxVersion: 4,
  flexibleFrom: 5,
  request: struct({ topics: array(wantedTopic), timeoutMs: int32, validateOnly: since(1, boolean) }),
  response: struct({
    throttleTimeMs: since(2, int32),
    topics: array(struct({ name: string, errorCode: int16, errorMessage: since(1, nullableString) })),
  }),

  handle({ topics: wanted, validateOnly }, { services }) {
    const topics = wanted.map((topic) => {
      const isNamedTwice = wanted.some((other) => other !== topic && other.name === topic.name)
      const problem = isNamedTwice
        ? problemOf(ErrorCode.INVALID_REQUEST, `topic ${topic.name} is named twice in one request`)
        : whyNotCreatable(topic, services)
      if (problem !== undefined) return { name: topic.name, ...problem }
      if (!validateOnly) create(topic, services)
      return { name: topic.name, errorCode: ErrorCode.NONE, errorMessage: null }
    })
    return { throttleTimeMs: 0, topics }
  },
})

function create(topic: WantedTopic, { topics, settings }: Services): void {
  const configs = topic.configs.map(({ name, value }) => [name, value ?? ''] as const)
  topics.create(topic.name, partitionCountOf(topic, settings.defaultPartitions), new Map(configs))
}

function partitionCountOf({ assignments, numPartitions }: WantedTopic, defaultPartitions: number): number {
  if (assignments.length > 0) return assignments.length
  return numPartitions === DEFAULT ? defaultPartitions : numPartitions
}

function whyNotCreatable(topic: WantedTopic, { topics, settings, nodeId }: Services) {
  const { name, replicationFactor, assignments, configs } = topic
  if (!isLegalTopicName(name)) {
    return problemOf(ErrorCode.INVALID_TOPIC_EXCEPTION, `${name} is no legal name for a topic`)
  }
  if (topics.get(name)) return problemOf(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
  const partitionCount = partitionCountOf(topic, settings.defaultPartitions)
  if (partitionCount < 1 || partitionCount > PARTITIONS_MAX) {
    return problemOf(
      ErrorCode.INVALID_PARTITIONS,
      `${partitionCount} partitions: 1 to ${PARTITIONS_MAX} are taken`,
    )
  }
  if (assignments.length === 0 && replicationFactor !== DEFAULT && replicationFactor !== 1) {
    return problemOf(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Replication factor ${replicationFactor} cannot be met: this broker is one node.`,
    )
  }
  const isAssignmentMet = assignments.every(
    ({ brokerIds, partitionIndex }) =>
      brokerIds.length === 1 &&
      brokerIds[0] === nodeId &&
      partitionIndex >= 0 &&
      partitionIndex < partitionCount,
  )
  if (!isAssignmentMet) {
    return problemOf(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `only node ${nodeId} can hold a replica`)
  }
  for (const config of configs) {
    const wrong = whySettingIsWrong(config.name, config.value)
    if (wrong !== undefined) return problemOf(ErrorCode.INVALID_CONFIG, wrong)
  }
  return undefined
}

function problemOf(errorCode: ErrorCode, errorMessage: string) {
  return { errorCode, errorMessage }
}
