// The embedded Kafka broker as a process of its own: CHAOS_DIR, CHAOS_PORT.
import { startBroker } from '@troupe/embedded'
import { announce } from './announce.ts'

const broker = await startBroker({
  dir: process.env['CHAOS_DIR'] ?? '',
  port: Number(process.env['CHAOS_PORT']),
  autoCreateTopics: false,
  log: (level, message) => process.stderr.write(`${level}: ${message}\n`),
})
announce({}, () => broker.stop())
