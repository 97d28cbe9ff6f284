import { TroupeError } from '@troupe/core'
import type { Admin } from 'kafkajs'
import { createBackoff } from './backoff.ts'
import type { KafkaConnection } from './client.ts'
import { problemOf } from './kafka-error.ts'
import { onWire } from './namespace.ts'
import { settlesWithin } from './settles-within.ts'

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  /** Default: the broker's. */
  readonly replicationFactor?: number
  /** Such as `{ 'retention.ms': '-1' }`. Of no effect on a topic that exists. */
  readonly config?: Readonly<Record<string, string>>
}

export interface EnsureTopicsOptions {
  /** How long to wait for brokers and leaders. Default 30,000. */
  readonly timeoutMs?: number
}

/**
 * Creates the topics that are missing, leaves the others as they are, and resolves when each of them has a
 * leader for every partition. Several services may ensure one topic at the same time.
 *
 * @throws TroupeError `TROUPE_TOPIC_MISSING` for what can neither be found nor created;
 *   `TROUPE_KAFKA_UNREACHABLE` if no broker answers in time.
 */
export async function ensureTopics(
  connection: KafkaConnection,
  specsGiven: readonly TopicSpec[],
  options: EnsureTopicsOptions = {},
): Promise<void> {
  if (specsGiven.length === 0) return
  const specs = specsGiven.map((spec) => ({ ...spec, topic: onWire(connection, spec.topic) }))
  const deadline = AbortSignal.timeout(options.timeoutMs ?? 30_000)
  const client = connection.open()
  const admin = client.kafka.admin()
  const backoff = createBackoff({ initialDelayMs: 20, maxDelayMs: 1_000 })
  let missing = new Map(specs.map((spec) => [spec.topic, spec]))
  const asked = new Set<string>()
  let problem: unknown
  try {
    while (missing.size > 0 && !deadline.aborted) {
      try {
        await admin.connect()
        missing = await createMissing(connection, admin, missing, asked)
        problem = undefined
      } catch (error) {
        if (error instanceof TroupeError) throw error
        problem = error
      }
      if (missing.size > 0) await backoff.wait(deadline)
    }
  } finally {
    await settlesWithin(admin.disconnect(), 1_000)
    client.destroy()
  }
  if (missing.size > 0) throw notThere(connection, [...missing.keys()], problem)
}

/** One round: creates what is not there and was not asked for yet. Returns what is not ready yet. */
async function createMissing(
  connection: KafkaConnection,
  admin: Admin,
  missing: ReadonlyMap<string, TopicSpec>,
  asked: Set<string>,
): Promise<Map<string, TopicSpec>> {
  const unready = new Map<string, TopicSpec>()
  for (const [topic, spec] of missing) {
    const partitions = await leadersOf(admin, topic)
    if (partitions === undefined) {
      unready.set(topic, spec)
      if (!asked.has(topic)) await create(admin, spec)
      asked.add(topic)
    } else if (partitions.some((leader) => leader < 0)) unready.set(topic, spec)
    else warnOfDifference(connection, spec, partitions.length)
  }
  return unready
}

/** The leader of each partition, -1 where there is none; undefined if the broker does not know the topic. */
async function leadersOf(admin: Admin, topic: string): Promise<readonly number[] | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const found = topics.find(({ name }) => name === topic)
    return found && found.partitions.length > 0 ? found.partitions.map(({ leader }) => leader) : undefined
  } catch (error) {
    const { type } = problemOf(error)
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    if (type === 'LEADER_NOT_AVAILABLE') return [-1]
    if (type === 'INVALID_TOPIC_EXCEPTION') throw refused(topic, error)
    throw error
  }
}

async function create(
  admin: Admin,
  { topic, partitions, replicationFactor, config }: TopicSpec,
): Promise<void> {
  try {
    await admin.createTopics({
      topics: [
        {
          topic,
          numPartitions: partitions,
          replicationFactor: replicationFactor ?? -1,
          configEntries: Object.entries(config ?? {}).map(([name, value]) => ({ name, value })),
        },
      ],
      waitForLeaders: false,
    })
  } catch (error) {
    const { type } = problemOf(error)
    if (type !== undefined && refusals.has(type)) throw refused(topic, error)
    throw error
  }
}

/** Trying again will not help. */
const refusals = new Set([
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_REPLICA_ASSIGNMENT',
  'INVALID_CONFIG',
  'INVALID_REQUEST',
  'POLICY_VIOLATION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNSUPPORTED_VERSION',
])

function refused(topic: string, error: unknown): TroupeError {
  const { type, message } = problemOf(error)
  return new TroupeError(
    'TROUPE_TOPIC_MISSING',
    `Topic ${topic} does not exist, and Kafka refuses to create it: ${message} (${type}). Create it by hand, or correct its settings.`,
    { cause: error, details: { topic, type } },
  )
}

function warnOfDifference(
  connection: KafkaConnection,
  { topic, partitions }: TopicSpec,
  found: number,
): void {
  if (partitions === found) return
  connection.log.warn(
    { topic, wanted: partitions, found },
    `topic ${topic} has ${found} partitions, not ${partitions}; it is used as it is`,
  )
}

function notThere(connection: KafkaConnection, topics: readonly string[], problem: unknown): TroupeError {
  const { brokers } = connection.settings
  if (problem !== undefined) {
    return new TroupeError(
      'TROUPE_KAFKA_UNREACHABLE',
      `Kafka at ${brokers.join(', ')} cannot be asked for the topics ${topics.join(', ')}: ${problemOf(problem).message}. Check that the brokers are running.`,
      { cause: problem, details: { brokers, topics } },
    )
  }
  return new TroupeError(
    'TROUPE_TOPIC_MISSING',
    `Kafka at ${brokers.join(', ')} was asked for the topics ${topics.join(', ')}, but does not serve them yet. Look at the brokers' logs.`,
    { details: { brokers, topics } },
  )
}
