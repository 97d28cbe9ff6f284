import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { Partitioners } from 'kafkajs'
import { type Bench, withBroker } from '../kafka.test.kit.ts'
import { onWire } from '../client/namespace.ts'

const child = fileURLToPath(new URL('../../dist/receive/backlog.process.test.kit.js', import.meta.url))
const partitions = 8
const eventsBehind = 100_000
const eventBytes = 1_000

/** 100 MB, in batches of a thousand. */
async function fallBehind(bench: Bench): Promise<void> {
  const client = bench.connection.open()
  const producer = client.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const value = Buffer.alloc(eventBytes, 'e')
  for (let sent = 0; sent < eventsBehind; sent += 1_000) {
    const partition = (sent / 1_000) % partitions
    const messages = Array.from({ length: 1_000 }, () => ({ value, partition }))
    await producer.send({ topic: onWire(bench.connection, 'order.events'), messages })
  }
  await producer.disconnect()
  client.destroy()
}

interface Seen {
  readonly taken: number
  readonly peakWaiting: number
  readonly startBytes: number
  readonly peakBytes: number
}

async function consume(bench: Bench): Promise<Seen> {
  const { namespace = '' } = bench.connection.settings
  const consumer = spawn(process.execPath, [child, bench.address, namespace, String(eventsBehind)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  bench.later(async () => void consumer.kill('SIGKILL'))
  let said = ''
  consumer.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await new Promise((resolve) => consumer.on('exit', resolve))
  return JSON.parse(said) as Seen
}

describe('failure 36: a slow consumer, and 100,000 events behind', () => {
  it('keeps its memory below a ceiling that does not depend on how far it is behind', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', partitions)
      await fallBehind(bench)
      const { taken, peakWaiting, startBytes, peakBytes } = await consume(bench)
      expect(taken).toBe(eventsBehind)
      // 1 MiB in each of 8 buffers, and as much again that was on its way when it was full.
      expect(peakWaiting * eventBytes).toBeLessThan(2 * partitions * 1_048_576)
      // That, what kafkajs makes of a fetch of 5 MiB, and what the collector has not seen yet: 80 to 105 MiB
      // were seen where 100 MB of events in memory took 150 and more.
      expect((peakBytes - startBytes) / 1_048_576).toBeLessThan(130)
    }))
})
