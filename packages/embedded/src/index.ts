export { EmbeddedError, type EmbeddedErrorCode } from './embedded-error.ts'
export { freePort } from './free-port.ts'
export { BrokerError, type BrokerErrorCode } from './kafka/broker-error.ts'
export {
  startBroker,
  type Broker,
  type BrokerGroup,
  type BrokerOptions,
  type BrokerTopic,
  type Fault,
  type FaultHook,
  type FaultyCall,
} from './kafka/broker.ts'
export { createDatabaseAt, type DatabaseOptions, dropDatabaseAt } from './postgres/databases.ts'
export { queryAt } from './postgres/query-at.ts'
export type { ServerExit } from './postgres/server.ts'
export { startPostgres, type EmbeddedPostgres, type PostgresOptions } from './postgres/start.ts'
export { startRegistry, type EmbeddedRegistry, type RegistryOptions } from './registry/server.ts'
export { startStack, type EmbeddedStack, type StackOptions, type StackTimings } from './stack.ts'
export type { EmbeddedLog } from './stack/log.ts'
