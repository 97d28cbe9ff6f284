export {
  connectKafka,
  type KafkaConnection,
  type KafkaCredentials,
  type KafkaSettings,
} from './client/client.ts'
export { createLogEnds, type LogEnds } from './receive/log-ends.ts'
export { onWire } from './client/namespace.ts'
export type {
  DataLossPolicy,
  LanePhase,
  PartitionState,
  PartitionWork,
  ReceivedBatch,
  ReceiverFailure,
} from './receive/partition-work.ts'
export { ping, type PingOptions } from './client/ping.ts'
export { createReceiver, type Receiver } from './receive/receive.ts'
export type {
  PartitionLag,
  ReceiverOptions,
  ReceiverPhase,
  ReceiverState,
  ReceiverTuning,
  RestartReason,
} from './receive/receiver-options.ts'
export { checkTopics } from './topics/check-topics.ts'
export { recordBytesMaxOf } from './topics/record-bytes-max.ts'
export type { TopicRule } from './topics/topic-facts.ts'
export { ensureTopics, type EnsureTopicsOptions, type TopicSpec } from './topics/topics.ts'
export {
  createRelay,
  type Relay,
  type RelayOptions,
  type RelayPhase,
  type RelayState,
  type RelayTuning,
} from './relay/relay.ts'
