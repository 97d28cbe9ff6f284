import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { deadLetterHeaders, headersOf, type RawRecord } from '@troupe/core'
import { ensureTopics } from '@troupe/kafka'
import { postgresLedger } from '@troupe/postgres'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ecosystem, startTestStack, type TestStack } from '../kits/ecosystem.test.kit.ts'
import { keepingLog, until } from '../kits/fakes.test.kit.ts'
import {
  type Closing,
  connectForeign,
  foreignCodec,
  foreignProducer,
  tape,
} from '../kits/records.test.kit.ts'

const main = fileURLToPath(new URL('../../dist/batch/lethal.process.test.kit.js', import.meta.url))
const { PaidIn, bank } = ecosystem('lethal')
const closing: Closing = []
let stack: TestStack

beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(async () => {
  for (const close of closing.splice(0)) await close()
  await stack?.stop()
})

it('an event that takes all memory kills its process until it is a dead letter, and then no more', async () => {
  if (!existsSync(main)) throw new Error(`${main} is missing. Build first: npx -y pnpm@10.34.9 build`)
  const settings = await stack.settings('lethal-bank', { topicPartitions: 1 })
  const log = keepingLog()
  const topics = [PaidIn.topic, bank.deadLetterTopic].map((topic) => ({ topic, partitions: 1 }))
  await ensureTopics(connectForeign(settings, 'lethal', log), topics)
  const dead: RawRecord[] = await tape(settings, bank.deadLetterTopic, closing)
  const publish = await foreignProducer(settings, closing)
  const codec = foreignCodec(settings)
  await codec.register([PaidIn])
  for (const [number, trick] of ['', 'memory', '', ''].entries()) {
    await publish({
      topic: PaidIn.topic,
      key: 'a',
      headers: headersOf({
        id: `e${number}`,
        type: PaidIn.type,
        source: PaidIn.owner,
        timeMs: 0,
        key: 'a',
        correlationId: 'a',
        causationId: undefined,
        traceparent: undefined,
        tracestate: undefined,
      }),
      value: codec.encode(PaidIn, { account: 'a', number, trick }),
    })
  }
  const ledger = postgresLedger({ url: settings.databaseUrl, log })
  closing.push(() => ledger.close())
  const booked = async () => {
    const stored = await ledger.document({ kind: 'account', key: 'a' }).catch(() => undefined)
    return (stored?.state as { booked: number[] } | undefined)?.booked ?? []
  }
  // Whoever is killed before its letter is published leaves it to the next one, and there is none.
  const isDone = async () => dead.length > 0 && (await booked()).length === 3

  let deaths = 0
  for (let isAlive = false; !isAlive; ) {
    const child = spawn(process.execPath, ['--max-old-space-size=100', main], {
      env: {
        PATH: process.env['PATH'],
        KAFKA_BROKERS: settings.kafkaBrokers.join(','),
        SCHEMA_REGISTRY_URL: settings.registryUrl,
        DATABASE_URL: settings.databaseUrl,
        TROUPE_NAMESPACE: settings.namespace ?? '',
        TROUPE_TOPIC_PARTITIONS: '1',
        TROUPE_SESSION_TIMEOUT_MS: '1000',
      },
      stdio: 'ignore',
    })
    const ended = once(child, 'exit').then(() => true)
    try {
      let isDead = false
      void ended.then(() => (isDead = true))
      await until(async () => isDead || (await isDone()), 150_000)
      isAlive = !isDead
      if (isDead) deaths += 1
      expect(deaths).toBeLessThan(10)
    } finally {
      child.kill('SIGKILL')
      await ended
    }
  }
  expect(deaths).toBeGreaterThanOrEqual(3)
  expect(await booked()).toEqual([0, 2, 3])
  expect(
    dead.map(({ headers }) => [
      String(headers[deadLetterHeaders.offset]),
      String(headers[deadLetterHeaders.code]),
    ]),
  ).toEqual([['1', 'TROUPE_EVENT_LETHAL']])
})
