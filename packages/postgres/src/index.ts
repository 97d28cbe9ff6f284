export { postgresLedger, type PostgresLedgerOptions } from './postgres-ledger.ts'
