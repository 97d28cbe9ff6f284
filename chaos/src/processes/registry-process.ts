// The embedded Schema Registry as a process of its own: CHAOS_DIR, CHAOS_PORT.
import { startRegistry } from '@troupe/embedded'
import { announce } from './announce.ts'

const registry = await startRegistry({
  dir: process.env['CHAOS_DIR'] ?? '',
  port: Number(process.env['CHAOS_PORT']),
  log: (level, message) => process.stderr.write(`${level}: ${message}\n`),
})
announce({}, () => registry.stop())
