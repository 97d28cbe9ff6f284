import { KafkaContainer } from '@testcontainers/kafka'
import { Wait } from 'testcontainers'
import { ApacheKafkaContainer } from './apache-kafka-container.ts'
import type { Part } from './images.ts'
import { startPart, startupTimeoutMs } from './start-part.ts'
import type { StartedPart } from './start-real-stack.ts'

const clientPort = 9093

/** Of both images: a broker that is alone, and tests that wait for every rebalance. */
const settings = {
  KAFKA_HEAP_OPTS: '-Xms256M -Xmx512M',
  KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
  KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
  KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '1',
  KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
  KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
  KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
  KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
  KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
  // A test of what happens to whoever dies has no six seconds to wait.
  KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '100',
}

/** One broker, in KRaft mode. */
export async function startKafka(part: Part, { reuse }: { readonly reuse: boolean }): Promise<StartedPart> {
  const started = await startPart(part, reuse, () =>
    (isApache(part.image)
      ? new ApacheKafkaContainer(part.image, clientPort)
      : confluentContainer(part.image)
    ).withEnvironment(settings),
  )
  return {
    address: `${started.getHost()}:${started.getMappedPort(clientPort)}`,
    stop: async () => void (await started.stop({ timeout: 0 })),
  }
}

function confluentContainer(image: string): KafkaContainer {
  return (
    new KafkaContainer(image)
      .withKraft()
      // For its script, and then for the broker itself.
      .withStartupTimeout(startupTimeoutMs)
      .withWaitStrategy(Wait.forListeningPorts().withStartupTimeout(startupTimeoutMs))
  )
}

function isApache(image: string): boolean {
  return /(^|\/)apache\/kafka(-native)?(:|@|$)/.test(image)
}
