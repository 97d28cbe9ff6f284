// A payment service as somebody writes it in a day: see ../README.md.
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import pg from 'pg'
import { consume } from './consume.ts'
import { startRelay } from './relay.ts'
import { makeTables } from './tables.ts'

const {
  KAFKA_BROKERS = '',
  DATABASE_URL = '',
  IN_TOPIC = '',
  OUT_TOPIC = '',
  PARTITIONS = '3',
  SESSION_TIMEOUT_MS = '30000',
} = process.env
const sessionMs = Number(SESSION_TIMEOUT_MS)

const kafka = new Kafka({ clientId: 'baseline', brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR })
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 })
pool.on('error', (error) => console.error('a connection to the database was lost:', error))
await makeTables(pool)

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
const consumer = kafka.consumer({
  groupId: 'baseline-payment',
  sessionTimeout: sessionMs,
  heartbeatInterval: sessionMs / 10,
})
await Promise.all([producer.connect(), consumer.connect()])
const relay = startRelay(pool, producer, { topic: OUT_TOPIC, pollMs: 50, batchMax: 500 })
consumer.on(consumer.events.GROUP_JOIN, () => process.send?.('joined'))
await consume(consumer, pool, { topic: IN_TOPIC, partitionsAtOnce: Number(PARTITIONS) })

let isStopping = false
const stop = async () => {
  if (isStopping) return
  isStopping = true
  await consumer.disconnect()
  await relay.stop()
  await producer.disconnect()
  await pool.end()
  if (process.connected) process.disconnect()
}
process.once('SIGTERM', () => void stop())
process.once('disconnect', () => void stop())
