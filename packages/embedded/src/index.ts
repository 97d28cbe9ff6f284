export { startPostgres, type EmbeddedPostgres, type PostgresOptions } from './postgres/start.ts'
export { EmbeddedError, type EmbeddedErrorCode } from './embedded-error.ts'
