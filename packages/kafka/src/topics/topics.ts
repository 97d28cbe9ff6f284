import { isTroupeError, TroupeError } from '@troupe/core'
import type { Admin } from 'kafkajs'
import { createBackoff } from '../client/backoff.ts'
import type { KafkaConnection } from '../client/client.ts'
import { denialOf } from '../client/denial.ts'
import { problemOf } from '../client/kafka-error.ts'
import { onWire } from '../client/namespace.ts'
import { ping } from '../client/ping.ts'
import { settlesWithin } from '../client/settles-within.ts'
import {
  configOf,
  differencesOf,
  factsOf,
  setConfig,
  type TopicConfig,
  type TopicDifference,
  type TopicFacts,
  type TopicRule,
} from './topic-facts.ts'

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  /** Default: the broker's. */
  readonly replicationFactor?: number
  /** Such as `{ 'retention.ms': '-1' }`. */
  readonly config?: Readonly<Record<string, string>>
  /**
   * What is declared of a topic by its owner. If somebody else was faster and created it otherwise, it is
   * brought to this as long as it is empty: more partitions later would break the order of keys.
   */
  readonly declared?: Omit<TopicRule, 'topic'>
}

const explainTimeoutMs = 2_000

export interface EnsureTopicsOptions {
  /** How long to wait for brokers and leaders. Default 30,000. */
  readonly timeoutMs?: number
}

/**
 * Creates the topics that are missing, leaves the others as they are, and resolves when each of them has a
 * leader for every partition, which serves it. Several services may ensure one topic at the same time.
 *
 * @throws TroupeError `TROUPE_TOPIC_MISSING` for what can neither be found nor created;
 *   `TROUPE_ACCESS_DENIED` for credentials or a right; `TROUPE_KAFKA_UNREACHABLE` if no broker answers or
 *   not every topic has its leaders in time, also where Kafka answers and then sends its clients to an address that cannot be reached.
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
  /** Topics whose creation was asked for, and whether it was we who created them. */
  const asked = new Map<string, boolean>()
  let problem: unknown
  try {
    while (missing.size > 0 && !deadline.aborted) {
      try {
        await admin.connect()
        missing = await createMissing(connection, admin, missing, asked)
        problem = undefined
      } catch (error) {
        const refusal = isTroupeError(error)
          ? error
          : denialOf(error, connection, { operation: 'Describe', topics: [...missing.keys()] })
        if (refusal) throw refusal
        problem = error
      }
      if (missing.size > 0) await backoff.wait(deadline)
    }
  } finally {
    await settlesWithin(admin.disconnect(), 1_000)
    client.destroy()
  }
  if (missing.size > 0) throw await notThere(connection, [...missing.keys()], problem)
}

/** One round: creates what is not there and was not asked for yet. Returns what is not ready yet. */
async function createMissing(
  connection: KafkaConnection,
  admin: Admin,
  missing: ReadonlyMap<string, TopicSpec>,
  asked: Map<string, boolean>,
): Promise<Map<string, TopicSpec>> {
  const unready = new Map<string, TopicSpec>()
  for (const [topic, spec] of missing) {
    const facts = await factsOf(admin, topic, connection).catch((error: unknown) => {
      throw problemOf(error).type === 'INVALID_TOPIC_EXCEPTION' ? refused(topic, error) : error
    })
    if (facts === undefined) {
      unready.set(topic, spec)
      if (!asked.has(topic)) asked.set(topic, await create(connection, admin, spec))
    } else if (facts.leaders.some((leader) => leader < 0)) unready.set(topic, spec)
    else if (asked.has(topic) && !(await isServed(admin, topic))) unready.set(topic, spec)
    else if (asked.get(topic) !== true) await compare(connection, admin, spec, facts)
  }
  return unready
}

/**
 * A leader is elected before it knows: right after the creation of a topic with many partitions some of them
 * are refused by the broker that leads them, and kafkajs then sends to all of them again.
 */
async function isServed(admin: Admin, topic: string): Promise<boolean> {
  try {
    await admin.fetchTopicOffsets(topic)
    return true
  } catch (error) {
    if (notServedYet.has(problemOf(error).type ?? '')) return false
    throw error
  }
}

const notServedYet = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
])

/** False if somebody else has created it by now. */
async function create(
  connection: KafkaConnection,
  admin: Admin,
  { topic, partitions, replicationFactor, config }: TopicSpec,
): Promise<boolean> {
  try {
    return await admin.createTopics({
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
    const denial = denialOf(error, connection, { operation: 'Create', topics: [topic] })
    const { type } = problemOf(error)
    if (type !== undefined && !denial && refusals.has(type)) throw refused(topic, error)
    throw denial ?? error
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

/** Brings an empty topic to what its owner has declared, and says what stays different. */
async function compare(
  connection: KafkaConnection,
  admin: Admin,
  { topic, declared }: TopicSpec,
  facts: TopicFacts,
): Promise<void> {
  if (!declared) return
  const { partitions = 0, config = {} } = declared
  const hasConfig = Object.keys(config).length > 0
  const known = hasConfig ? await configIfAllowed(connection, admin, topic) : undefined
  let differences = differencesOf(declared, facts, known)
  const isMendable = ({ name }: TopicDifference): boolean =>
    name !== 'replication' && (name !== 'partitions' || facts.leaders.length < partitions)
  if (differences.some(isMendable) && (await isEmpty(admin, topic))) {
    if (facts.leaders.length < partitions) await addPartitions(connection, admin, topic, partitions)
    if (known) await setConfig(admin, topic, config, connection)
    const changed = differences.filter(isMendable)
    connection.log.info({ topic, changed }, `topic ${topic} was empty, and is now as it is declared`)
    differences = differences.filter((one) => !isMendable(one))
  }
  for (const { name, wanted, found } of differences) {
    connection.log.warn(
      { topic, setting: name, wanted, found },
      `topic ${topic} has ${name} ${found}, not ${wanted} as declared; it is used as it is`,
    )
  }
}

/** To compare is no more than a service: whoever may not read a topic's configuration may still use it. */
async function configIfAllowed(
  connection: KafkaConnection,
  admin: Admin,
  topic: string,
): Promise<ReadonlyMap<string, TopicConfig> | undefined> {
  try {
    return await configOf(admin, topic, connection)
  } catch (error) {
    if (!isTroupeError(error, 'TROUPE_ACCESS_DENIED')) throw error
    connection.log.warn({ topic }, `the configuration of ${topic} is not compared: ${error.message}`)
    return undefined
  }
}

async function isEmpty(admin: Admin, topic: string): Promise<boolean> {
  return (await admin.fetchTopicOffsets(topic)).every(({ high }) => high === '0')
}

async function addPartitions(
  connection: KafkaConnection,
  admin: Admin,
  topic: string,
  count: number,
): Promise<void> {
  try {
    await admin.createPartitions({ topicPartitions: [{ topic, count }] })
  } catch (error) {
    // Another instance of ours was faster.
    if (problemOf(error).type === 'INVALID_PARTITIONS') return
    throw denialOf(error, connection, { operation: 'Alter', topics: [topic] }) ?? error
  }
}

async function notThere(
  connection: KafkaConnection,
  topics: readonly string[],
  problem: unknown,
): Promise<TroupeError> {
  const { brokers } = connection.settings
  if (problem !== undefined) {
    // Asked only now: it tells a broker that is away from one that sends its clients to nowhere.
    const reason: unknown = await ping(connection, { timeoutMs: explainTimeoutMs }).then(
      () => undefined,
      (why: unknown) => why,
    )
    if (isTroupeError(reason)) return reason
    return new TroupeError(
      'TROUPE_KAFKA_UNREACHABLE',
      `Kafka at ${brokers.join(', ')} cannot be asked for the topics ${topics.join(', ')}: ${problemOf(problem).message}. Check that the brokers are running.`,
      { cause: problem, details: { brokers, topics } },
    )
  }
  // Kafka has taken the request and is still at it: a cluster that is slow, or short of brokers, needs a while.
  return new TroupeError(
    'TROUPE_KAFKA_UNREACHABLE',
    `Kafka at ${brokers.join(', ')} was asked for the topics ${topics.join(', ')}, but does not serve them yet. Look at the brokers' logs.`,
    { details: { brokers, topics } },
  )
}
