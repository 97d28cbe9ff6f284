// PostgreSQL as a process of its own: CHAOS_DIR, CHAOS_PORT, CHAOS_DATABASES (names with commas between
// them, each made with a role of its name and CHAOS_PASSWORD), CHAOS_FSYNC. Ends when the server does.
import { startPostgres } from '@troupe/embedded'
import { announce } from './announce.ts'

const { CHAOS_DIR: dir = '', CHAOS_PORT, CHAOS_DATABASES = '', CHAOS_PASSWORD: password = '' } = process.env
const postgres = await startPostgres({
  dir,
  port: Number(CHAOS_PORT),
  fsync: process.env['CHAOS_FSYNC'] === '1',
  log: (level, message) => process.stderr.write(`${level}: ${message}\n`),
})
void postgres.exited.then(({ expected, reason }) => {
  if (expected) return
  process.stderr.write(`PostgreSQL ended: ${reason}\n`)
  process.exit(3)
})
for (const name of CHAOS_DATABASES.split(',')) await postgres.createDatabase({ name, password })
announce({ postmaster: postgres.pid, url: postgres.url }, () => postgres.stop())
