import { createCodec } from '@troupe/avro'
import { commandLane, headersOf, type Log } from '@troupe/core'
import { inventory } from '@troupe-demo/inventory'
import { order } from '@troupe-demo/order'
import { payment } from '@troupe-demo/payment'
import { PaymentRefunded } from '@troupe-demo/schemas'
import { shipping } from '@troupe-demo/shipping'
import { connectKafka, createRelay } from '@troupe/kafka'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { type Ecosystem, startEcosystem } from '../ecosystem/ecosystem.ts'
import { createHttpClient } from '../http/http-client.ts'
import { balanceOf } from '../observe/balance.ts'
import { readBooks } from '../observe/books.ts'
import { createObserver, type Observer } from '../observe/observer.ts'
import { orderApi } from '../stories/order-api.ts'
import { expectations } from '../stories/orders.ts'
import { playStory, type Stage } from '../stories/play-story.ts'
import { stories, type Story } from '../stories/stories.ts'
import { program } from '../program.ts'
import { terminalOn } from '../terminal/terminal.ts'

// That all is well means something only if it is noticed when something is not.

const slowMs = 180_000
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }
const http = createHttpClient()
const token = 'of-this-test-and-no-other'
let ecosystem: Ecosystem
let observer: Observer
let stage: Stage

beforeAll(async () => {
  ecosystem = await startEcosystem({ adminToken: token })
  observer = await startedObserver()
  stage = { ecosystem, observer, orders: orderApi(http, ecosystem.urlOf('order')) }
}, slowMs)

afterAll(async () => {
  await observer?.stop()
  http.close()
  await ecosystem?.stop()
}, slowMs)

async function startedObserver(): Promise<Observer> {
  const { kafka, registry } = ecosystem.stack
  const services = [order, payment, inventory, shipping]
  const one = createObserver({ kafka: kafka.address, registryUrl: registry.url, services, log: silent })
  await one.start()
  return one
}

const story = (name: string): Story => {
  const found = stories.find((one) => one.name === name)
  if (!found) throw new Error(`no story ${name}`)
  return found
}

/** Publishes an event that no service said. */
async function publishRogue(type: string, value: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const { kafka, registry } = ecosystem.stack
  const relay = createRelay({
    connection: connectKafka({ clientId: 'rogue', brokers: [kafka.address] }, silent),
    log: silent,
  })
  const codec = createCodec({ registryUrl: registry.url, log: silent })
  await codec.register([PaymentRefunded])
  const orderId = observer.saga(report.sagaId)?.id ?? ''
  const { data } = PaymentRefunded({ orderId, paymentId: randomUUID(), amountCents: 100, reason: 'rogue' })
  const id = randomUUID()
  const envelope = { id, type, source: 'payment', timeMs: Date.now(), key: orderId, correlationId: orderId }
  await relay.start()
  relay.push([
    {
      id,
      lane: commandLane,
      topic: payment.topic,
      key: orderId,
      headers: headersOf({
        ...envelope,
        causationId: undefined,
        traceparent: undefined,
        tracestate: undefined,
      }),
      value: value(codec.encode(PaymentRefunded, data)),
    },
  ])
  await relay.drained()
  await relay.stop({ graceMs: 1_000 })
}

/** What `troupe dlq list` says of a service. */
async function lettersOf(name: string): Promise<{ readonly exitCode: number; readonly out: string }> {
  let [out, exitCode] = ['', 0]
  const terminal = terminalOn({ write: (text) => (out += text) }, { write: () => true }, {})
  const admin = ecosystem.services.get(name)?.adminUrl ?? ''
  process.env['TROUPE_ADMIN_TOKEN'] = token
  await program(terminal, (code) => {
    exitCode = code
  }).parseAsync(['dlq', 'list', '--json', '--admin', admin], { from: 'user' })
  delete process.env['TROUPE_ADMIN_TOKEN']
  return { exitCode, out }
}

let report: Awaited<ReturnType<typeof playStory>>

describe('what must be noticed', () => {
  it(
    'a story that ends otherwise than it is told',
    async () => {
      const wrong = { ...story('completed'), expected: expectations['address not served'] }
      report = await playStory(wrong, stage)
      expect([report.ok, report.outcome]).toEqual([false, 'completed'])
      expect(report.problems.join('\n')).toMatch(/it is completed instead of cancelled[^]*its events were/)
      expect((await playStory(story('completed'), stage)).problems).toEqual([])
      expect(balanceOf(observer.sums(), await readBooks(http, ecosystem.urlOf)).ok).toBe(true)
    },
    slowMs,
  )

  it(
    'an event that nobody should have said',
    async () => {
      await publishRogue('PaymentRefunded', (bytes) => bytes)
      await observer.caughtUp()
      const { ok, lines } = balanceOf(observer.sums(), await readBooks(http, ecosystem.urlOf))
      expect(ok).toBe(false)
      expect(lines.filter((line) => !line.ok).map(({ name }) => name)).toEqual([
        'money refunded',
        '= given back',
        '= kept, for completed orders',
      ])
      expect(observer.troubles()).toEqual([])
    },
    slowMs,
  )

  it(
    'an event that cannot be read, which an operator finds among the dead letters of who heard it',
    async () => {
      await publishRogue('PaymentRefunded', (bytes) => bytes.subarray(0, 3))
      const troubles = await observer.until(
        () => (observer.troubles().length >= 2 ? observer.troubles() : undefined),
        AbortSignal.timeout(60_000),
      )
      expect(troubles.join('\n')).toMatch(/order\.dlq got a dead letter, PaymentRefunded: /)
      const { exitCode, out } = await lettersOf('order')
      const letter = { topic: 'payment.events', state: 'open' }
      expect([exitCode, JSON.parse(out)]).toEqual([0, [expect.objectContaining(letter)]])
      expect((await lettersOf('shipping')).out).toBe('[]\n')
    },
    slowMs,
  )

  it(
    'and what was set aside before is told, and is not held against those who play now',
    async () => {
      const later = await startedObserver()
      expect([later.troubles(), later.earlierTroubles()]).toEqual([[], observer.troubles().length])
      await later.stop()
    },
    slowMs,
  )
})
