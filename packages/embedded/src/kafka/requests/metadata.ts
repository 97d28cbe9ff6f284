/**
 * Metadata: who leads which partition (always this one node), and by the way creates topics that do not
 * exist. Keeps the topics it creates. Ignores authorized operations (answered as "not asked"), and ids in a
 * request, by which no version up to this one asks.
 *
 * A topic created here can be used at once, so no client is sent away to ask again.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  between,
  boolean,
  int16,
  int32,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
  uuid,
} from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { Services } from '../server/services.ts'
import { isLegalTopicName, type Topic } from '../topics/topic-catalogue.ts'

const OPERATIONS_NOT_ASKED = -(2 ** 31)
const LEADER_EPOCH = 0

export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  minVersion: 0,
  maxVersion: 10,
  flexibleFrom: 9,
  request: struct({
    topics: nullableArray(struct({ id: since(10, uuid), name: string })),
    allowAutoTopicCreation: since(4, boolean, () => true),
    includeClusterAuthorizedOperations: between(8, 10, boolean),
    includeTopicAuthorizedOperations: since(8, boolean),
  }),
  response: struct({
    throttleTimeMs: since(3, int32),
    brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: since(1, nullableString) })),
    clusterId: since(2, nullableString),
    controllerId: since(1, int32),
    topics: array(
      struct({
        errorCode: int16,
        name: string,
        id: since(10, uuid),
        isInternal: since(1, boolean),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: since(7, int32),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: since(5, array(int32)),
          }),
        ),
        topicAuthorizedOperations: since(8, int32),
      }),
    ),
    clusterAuthorizedOperations: between(8, 10, int32),
  }),

  handle(request, { version, services }) {
    const { nodeId, host, port, clusterId, topics } = services
    // In version 0 an empty list asks for all topics; null came with version 1, where empty means none.
    const isAll = request.topics === null || (version === 0 && request.topics.length === 0)
    const described = isAll
      ? topics.all().map((topic) => describe(topic, nodeId))
      : (request.topics ?? []).map(({ name }) => find(name, request.allowAutoTopicCreation, services))
    return {
      throttleTimeMs: 0,
      brokers: [{ nodeId, host, port, rack: null }],
      clusterId,
      controllerId: nodeId,
      topics: described,
      clusterAuthorizedOperations: OPERATIONS_NOT_ASKED,
    }
  },
})

function find(name: string, mayCreate: boolean, { topics, settings, nodeId, log }: Services) {
  const existing = topics.get(name)
  if (existing) return describe(existing, nodeId)
  if (!isLegalTopicName(name)) return absent(name, ErrorCode.INVALID_TOPIC_EXCEPTION)
  if (!mayCreate || !settings.autoCreateTopics) return absent(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  log('info', `created topic ${name} (${settings.defaultPartitions} partitions): a client asked for it`)
  return describe(topics.create(name, settings.defaultPartitions), nodeId)
}

function describe({ name, id, partitions }: Topic, nodeId: number) {
  return {
    errorCode: ErrorCode.NONE,
    name,
    id,
    isInternal: false,
    partitions: partitions.map((_log, partitionIndex) => ({
      errorCode: ErrorCode.NONE,
      partitionIndex,
      leaderId: nodeId,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: [nodeId],
      isrNodes: [nodeId],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

function absent(name: string, errorCode: ErrorCode) {
  const topicAuthorizedOperations = OPERATIONS_NOT_ASKED
  return { errorCode, name, id: uuid.initial(), isInternal: false, partitions: [], topicAuthorizedOperations }
}
