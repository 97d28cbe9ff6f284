// From settings to what the rooms are opened with. Nothing connects here.

import type { RegistryAccess } from '@troupe/avro'
import type { Service } from '@troupe/core'
import {
  checkTopics,
  ensureTopics,
  type KafkaConnection,
  type KafkaSettings,
  ping,
  recordBytesMaxOf,
} from '@troupe/kafka'
import type { Settings } from '../settings/environment.ts'
import { warnOfSmallTopic } from './topic-limit.ts'

export function kafkaSettings(service: Service, settings: Settings): KafkaSettings {
  const { kafkaBrokers, kafkaTls, kafkaSasl, namespace } = settings
  return {
    clientId: `troupe-${service.name}`,
    brokers: kafkaBrokers,
    ...(kafkaTls === undefined ? {} : { ssl: { ...kafkaTls } }),
    ...(kafkaSasl === undefined ? {} : { sasl: kafkaSasl }),
    ...(namespace === undefined ? {} : { namespace }),
  }
}

export function registryAccess({ registryUrl, registryAuth, registryCa }: Settings): RegistryAccess {
  return {
    registryUrl,
    ...(registryAuth === undefined ? {} : { auth: registryAuth }),
    ...(registryCa === undefined ? {} : { ca: registryCa }),
  }
}

export function databaseAccess({ databaseUrl, databaseCa }: Settings) {
  return { url: databaseUrl, ...(databaseCa === undefined ? {} : { ca: databaseCa }) }
}

/**
 * Nobody may lose a dead letter because nobody looked in time; and what is too large for the service's own
 * topics may have come on another team's.
 */
const deadLetterConfig = { 'retention.ms': '-1', 'max.message.bytes': String(16 * 1024 * 1024) }

/**
 * Sees to a service's topics, as the settings say: creates those that are missing, or only checks them; and
 * warns of one that takes less than the service may emit.
 *
 * @throws TroupeError `TROUPE_KAFKA_UNREACHABLE`, `TROUPE_TOPIC_MISSING`, `TROUPE_TOPIC_MISMATCH`,
 *   `TROUPE_ACCESS_DENIED`
 */
export async function prepareTopics(
  connection: KafkaConnection,
  service: Service,
  settings: Settings,
  timeoutMs: number,
): Promise<void> {
  // Beside each other: topics can be asked for at an address that is of no use for anything else.
  const [pinged, prepared] = await Promise.allSettled([
    ping(connection, { timeoutMs }),
    settings.topics === 'check'
      ? checkTopics(connection, rulesOf(service), { timeoutMs })
      : ensureTopics(connection, specsOf(service, settings), { timeoutMs }),
  ])
  if (prepared.status === 'rejected') throw prepared.reason
  if (pinged.status === 'rejected') throw pinged.reason
  const ask = (topic: string) => recordBytesMaxOf(connection, topic, { timeoutMs })
  await warnOfSmallTopic(service, settings, { ask, log: connection.log })
}

function declaredOf({ topicShape: { partitions, replication, retentionMs } }: Service) {
  return {
    partitions,
    replicationFactor: replication,
    config: retentionMs === undefined ? {} : { 'retention.ms': String(retentionMs) },
  }
}

/** Of others' topics, and of dead letters, only that they are there. */
function rulesOf(service: Service) {
  const rules = [...namesOf(service)].map((topic) => ({ topic }))
  return [{ topic: service.topic, ...declaredOf(service) }, ...rules.slice(1)]
}

function specsOf(service: Service, { topicPartitions, topicReplication }: Settings) {
  const declared = declaredOf(service)
  return [...namesOf(service)].map((topic) => {
    const spec = { topic, partitions: topicPartitions, replicationFactor: topicReplication }
    if (topic === service.deadLetterTopic) {
      const replicationFactor = declared.replicationFactor ?? topicReplication
      return { ...spec, replicationFactor, config: deadLetterConfig }
    }
    if (topic !== service.topic) return spec
    return {
      topic,
      partitions: declared.partitions ?? topicPartitions,
      replicationFactor: declared.replicationFactor ?? topicReplication,
      config: declared.config,
      declared,
    }
  })
}

/** The service's own topic first. */
function namesOf(service: Service): ReadonlySet<string> {
  return new Set([service.topic, service.deadLetterTopic, ...service.hears.map(({ topic }) => topic)])
}
