export { postgresLedger, type PostgresLedgerOptions } from './postgres-ledger.ts'
export { postgresTables, type PostgresTablesOptions } from './tables/postgres-tables.ts'
