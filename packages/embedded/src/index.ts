export { startPostgres, type EmbeddedPostgres, type PostgresOptions } from './postgres/start.ts'
export { EmbeddedError, type EmbeddedErrorCode } from './embedded-error.ts'
export { startRegistry, type EmbeddedRegistry, type RegistryOptions } from './registry/server.ts'
