/**
 * Kafka's protocol in process: one node for tests and demos. What each request keeps and ignores is said at
 * the top of its file in `requests/`.
 */
import { BrokerError } from './broker-error.ts'
import { type BrokerOptions, resolveOptions } from './broker-options.ts'
import type { GroupState } from './groups/group.ts'
import type { GroupCoordinator } from './groups/group-coordinator.ts'
import { openKept } from './kept.ts'
import { apis } from './requests/all.ts'
import { createDispatcher } from './server/dispatcher.ts'
import { type FaultHook, Faults } from './server/faults.ts'
import { listen } from './server/listener.ts'
import type { Services } from './server/services.ts'
import { isLegalTopicName, PARTITIONS_MAX, type TopicCatalogue } from './topics/topic-catalogue.ts'

export type { BrokerOptions } from './broker-options.ts'
export type { Fault, FaultHook, FaultyCall } from './server/faults.ts'

/** A topic as {@link Broker.topics} tells of it. */
export interface BrokerTopic {
  readonly name: string
  /** Index is the partition's number; messages are in [startOffset, endOffset). */
  readonly partitions: readonly { readonly startOffset: number; readonly endOffset: number }[]
}

/** A consumer group as {@link Broker.groups} tells of it. */
export interface BrokerGroup {
  readonly id: string
  readonly state: GroupState
  readonly memberCount: number
  /** Committed offsets by topic and partition. */
  readonly offsets: Readonly<Record<string, Readonly<Record<number, number>>>>
}

/** A running broker. The methods besides `stop` are shortcuts for tests, past the network. */
export interface Broker {
  /** `host:port`, for a client's list of bootstrap brokers. */
  readonly address: string
  readonly host: string
  readonly port: number
  /** Creates a topic if it is not there; throws `BROKER_TOPIC_INVALID` for an impossible one. */
  createTopic(name: string, partitionCount?: number): void
  topics(): BrokerTopic[]
  groups(): BrokerGroup[]
  /**
   * Moves a group to these offsets, at once (through kafkajs's admin this takes five seconds). The group
   * must have no members: throws `BROKER_GROUP_ACTIVE`; the partitions must exist: `BROKER_TOPIC_UNKNOWN`.
   */
  setGroupOffsets(groupId: string, topic: string, offsets: Readonly<Record<number, number>>): void
  /** Lets things go wrong: the hook is asked for every request. Returns how to take it away again. */
  onRequest(hook: FaultHook): () => void
  /** Ends all connections, frees the port and closes all files. May be called again. */
  stop(): Promise<void>
}

const NODE_ID = 1

/**
 * Starts a broker and resolves when it takes connections.
 *
 * @throws BrokerError `BROKER_OPTION_INVALID`, `BROKER_ADDRESS_TAKEN`, `BROKER_LISTEN_FAILED`,
 * `BROKER_FOLDER_UNUSABLE`, `BROKER_FOLDER_IN_USE` or `BROKER_FOLDER_DAMAGED`; nothing is left open then.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const settings = resolveOptions(options)
  const { host, log, requestBytesMax } = settings
  const kept = openKept(settings)
  const { topics, groups } = kept
  const listener = await listen(host, settings.port, log).catch((error: unknown) => {
    kept.close()
    throw error
  })
  const { port } = listener
  const faults = new Faults()
  const services: Services = { nodeId: NODE_ID, host, port, ...kept, settings, apiRanges: apis, faults, log }
  listener.serve({ requestBytesMax, answer: createDispatcher(services), log })

  let stopped: Promise<void> | undefined
  return {
    address: `${host}:${port}`,
    host,
    port,
    createTopic: (name, partitionCount) => createTopic(services, name, partitionCount),
    topics: () => describeTopics(topics),
    groups: () => describeGroups(groups),
    setGroupOffsets: (groupId, topic, offsets) => setGroupOffsets(services, groupId, topic, offsets),
    onRequest: (hook) => faults.add(hook),
    stop() {
      stopped ??= listener.close().then(() => kept.close())
      return stopped
    },
  }
}

function createTopic({ topics, settings }: Services, name: string, count = settings.defaultPartitions): void {
  if (topics.get(name)) return
  if (!isLegalTopicName(name) || !Number.isInteger(count) || count < 1 || count > PARTITIONS_MAX) {
    throw new BrokerError(
      'BROKER_TOPIC_INVALID',
      `cannot create topic "${name}" with ${count} partitions: use letters, digits, dots, dashes and underscores, and 1 to ${PARTITIONS_MAX} partitions.`,
    )
  }
  topics.create(name, count)
}

function describeTopics(topics: TopicCatalogue): BrokerTopic[] {
  return topics.all().map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ startOffset, endOffset }) => ({ startOffset, endOffset })),
  }))
}

function describeGroups(groups: GroupCoordinator): BrokerGroup[] {
  return groups.all().map(({ group, offsets }) => {
    const byTopic: Record<string, Record<number, number>> = {}
    for (const { topic, partition, offset } of offsets.all()) {
      const partitions = byTopic[topic] ?? {}
      partitions[partition] = offset
      byTopic[topic] = partitions
    }
    return { id: group.id, state: group.state, memberCount: group.members.length, offsets: byTopic }
  })
}

function setGroupOffsets(
  { groups, topics }: Services,
  groupId: string,
  topic: string,
  offsets: Readonly<Record<number, number>>,
): void {
  const state = groups.get(groupId)?.group.state ?? 'Empty'
  if (state !== 'Empty') {
    throw new BrokerError(
      'BROKER_GROUP_ACTIVE',
      `group ${groupId} has members (${state}): stop its consumers before moving its offsets.`,
    )
  }
  const commits = Object.entries(offsets).map(([key, offset]) => {
    const partition = Number(key)
    if (topics.log(topic, partition) === undefined) {
      throw new BrokerError(
        'BROKER_TOPIC_UNKNOWN',
        `there is no partition ${key} of topic ${topic}: create the topic first.`,
      )
    }
    return { topic, partition, offset, leaderEpoch: -1, metadata: '' }
  })
  groups.commit(groupId, commits)
}
