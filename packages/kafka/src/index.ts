export { connectKafka, type KafkaConnection, type KafkaCredentials, type KafkaSettings } from './client.ts'
export { createLogEnds, type LogEnds } from './log-ends.ts'
export { onWire } from './namespace.ts'
export type {
  DataLossPolicy,
  LanePhase,
  PartitionState,
  PartitionWork,
  ReceivedBatch,
  ReceiverFailure,
} from './partition-work.ts'
export { ping, type PingOptions } from './ping.ts'
export { createReceiver, type Receiver } from './receive.ts'
export type {
  PartitionLag,
  ReceiverOptions,
  ReceiverPhase,
  ReceiverState,
  ReceiverTuning,
  RestartReason,
} from './receiver-options.ts'
export { checkTopics } from './check-topics.ts'
export { recordBytesMaxOf } from './record-bytes-max.ts'
export type { TopicRule } from './topic-facts.ts'
export { ensureTopics, type EnsureTopicsOptions, type TopicSpec } from './topics.ts'
export {
  createRelay,
  type Relay,
  type RelayOptions,
  type RelayPhase,
  type RelayState,
  type RelayTuning,
} from './relay.ts'
