import type { Admin, ConfigResourceTypes } from 'kafkajs'
import type { KafkaConnection } from '../client/client.ts'
import { denialOf } from '../client/denial.ts'
import { problemOf } from '../client/kafka-error.ts'

/** `ConfigResourceTypes.TOPIC`: Node finds that name in kafkajs, a CommonJS module, only when a bundler or Jest looks for it. */
const topicResource = 2 as unknown as ConfigResourceTypes

/** Source: Kafka protocol, config sources: set for this very topic, in contrast to the broker's defaults. */
const setForTopic = 1

/** What a topic is like. Names are Kafka's, namespace included. */
export interface TopicFacts {
  /** The leader of each partition, -1 where there is none. */
  readonly leaders: readonly number[]
  /** Of the partition that has the fewest replicas. */
  readonly replicas: number
}

/**
 * Undefined if the broker does not know the topic.
 *
 * @throws TroupeError `TROUPE_ACCESS_DENIED`; whatever kafkajs throws
 */
export async function factsOf(
  admin: Admin,
  topic: string,
  connection: Pick<KafkaConnection, 'settings'>,
): Promise<TopicFacts | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const found = topics.find(({ name }) => name === topic)
    if (!found || found.partitions.length === 0) return undefined
    return {
      leaders: found.partitions.map(({ leader }) => leader),
      replicas: Math.min(...found.partitions.map(({ replicas }) => replicas.length)),
    }
  } catch (error) {
    const { type } = problemOf(error)
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    if (type === 'LEADER_NOT_AVAILABLE') return { leaders: [-1], replicas: 0 }
    throw denialOf(error, connection, { operation: 'Describe', topics: [topic] }) ?? error
  }
}

export interface TopicConfig {
  readonly value: string
  /** False for what comes from the broker's defaults. */
  readonly isSet: boolean
}

/** A topic's configuration, by name. @throws TroupeError `TROUPE_ACCESS_DENIED`; whatever kafkajs throws */
export async function configOf(
  admin: Admin,
  topic: string,
  connection: Pick<KafkaConnection, 'settings'>,
): Promise<ReadonlyMap<string, TopicConfig>> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: topicResource, name: topic }],
    })
    return new Map(
      (resources[0]?.configEntries ?? []).map(({ configName, configValue, configSource }) => [
        configName,
        { value: configValue, isSet: (configSource as number) === setForTopic },
      ]),
    )
  } catch (error) {
    throw denialOf(error, connection, { operation: 'DescribeConfigs', topics: [topic] }) ?? error
  }
}

/** What a topic has to be like; what is left out may be anything. */
export interface TopicRule {
  readonly topic: string
  readonly partitions?: number | undefined
  readonly replicationFactor?: number | undefined
  /** Such as `{ 'retention.ms': '-1' }`. */
  readonly config?: Readonly<Record<string, string>>
}

/** What has to be so, and what is. */
export interface TopicDifference {
  /** `partitions`, `replication`, or the name of a setting such as `retention.ms`. */
  readonly name: string
  readonly wanted: string
  readonly found: string
}

/** In what a topic is not as wanted, as far as something is wanted. */
export function differencesOf(
  wanted: Omit<TopicRule, 'topic'>,
  { leaders, replicas }: TopicFacts,
  config: ReadonlyMap<string, TopicConfig> | undefined,
): readonly TopicDifference[] {
  const pairs: [string, string | number | undefined, string | number][] = [
    ['partitions', wanted.partitions, leaders.length],
    ['replication', wanted.replicationFactor, replicas],
    ...Object.entries(config ? (wanted.config ?? {}) : {}).map(([name, value]): [string, string, string] => [
      name,
      value,
      config?.get(name)?.value ?? 'unknown',
    ]),
  ]
  return pairs.flatMap(([name, due, found]) =>
    due === undefined || String(due) === String(found)
      ? []
      : [{ name, wanted: String(due), found: String(found) }],
  )
}

/** Sets some of a topic's configuration, and leaves the rest as it is. @throws as {@link configOf} */
export async function setConfig(
  admin: Admin,
  topic: string,
  config: Readonly<Record<string, string>>,
  connection: Pick<KafkaConnection, 'settings'>,
): Promise<void> {
  // kafkajs has only the request that takes away what it does not name.
  const kept = [...(await configOf(admin, topic, connection))].filter(([, { isSet }]) => isSet)
  const entries = { ...Object.fromEntries(kept.map(([name, { value }]) => [name, value])), ...config }
  try {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: topicResource,
          name: topic,
          configEntries: Object.entries(entries).map(([name, value]) => ({ name, value })),
        },
      ],
    })
  } catch (error) {
    throw denialOf(error, connection, { operation: 'AlterConfigs', topics: [topic] }) ?? error
  }
}
