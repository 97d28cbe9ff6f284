import type { KafkaSettings } from '@troupe/kafka'
import type { Stack } from './stack.ts'

/** How a stack's Kafka is connected to. */
export function kafkaAccess({
  kafka: { address, tls, sasl },
}: Pick<Stack, 'kafka'>): Pick<KafkaSettings, 'brokers' | 'ssl' | 'sasl'> {
  return {
    brokers: address.split(',').map((one) => one.trim()),
    ...(tls === undefined ? {} : { ssl: { ...tls } }),
    ...(sasl === undefined ? {} : { sasl }),
  }
}
