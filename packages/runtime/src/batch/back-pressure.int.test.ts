// Kafka takes nothing while commands keep coming over HTTP: from the first to the last of it.
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { avroEvent, createCodec } from '@troupe/avro'
import { command, headerNames, headersOf, reaction, service } from '@troupe/core'
import { ecosystem, startTestStack, type TestStack } from '../kits/ecosystem.test.kit.ts'
import type { Settings } from '../settings/environment.ts'
import { keepingLog, until } from '../kits/fakes.test.kit.ts'
import { type Closing, describeOnEmbedded, foreignProducer, tape } from '../kits/records.test.kit.ts'

const own = ecosystem('desk')
const { PaidIn, account } = own
const mebibyte = 1024 * 1024
const limitBytes = 64 * mebibyte
/** As much as one request may hold, nearly. */
const text = 'x'.repeat(240_000)
const customers = ['a', 'b', 'c', 'd', 'e']

interface Note {
  readonly customer: string
  readonly number: number
  readonly text: string
}

const Noted = avroEvent<'Noted', Note>({
  owner: 'desk',
  schema: {
    type: 'record',
    name: 'Noted',
    namespace: 'desk',
    key: 'customer',
    fields: [
      { name: 'customer', type: 'string' },
      { name: 'number', type: 'int' },
      { name: 'text', type: 'string' },
    ],
  },
})

const note = command({
  emits: [Noted],
  react(input: Note, { emit }) {
    emit(Noted, input)
    return { number: input.number }
  },
})

/** It hears as well as it decides: both give its relay work. */
const book = reaction({
  on: PaidIn,
  emits: [Noted],
  reads: ({ data }) => [account(data.account)],
  react({ data: { account: name, number } }, { get, put, emit }) {
    put(account(name), { booked: [...get(account(name)).booked, number] })
    emit(Noted, { customer: `booked-${name}`, number, text: '' })
  },
})

const desk = service({ name: 'desk', commands: { note }, reactions: { book } })

let stack: TestStack
const closing: Closing = []
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(async () => {
  for (const close of closing.splice(0)) await close()
  await stack?.stop()
})

interface Produce {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly index: number }[]
  }[]
}

/** Source: Kafka protocol, NOT_ENOUGH_REPLICAS: it can be read from, and not written to. */
function refusing({ topics }: Produce) {
  const refused = {
    errorCode: 19,
    errorMessage: null,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
  }
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index }) => ({ index, ...refused })),
    })),
  }
}

/** A desk that runs, to which notes are posted. */
async function runningDesk() {
  const settings = await stack.settings('desk', {
    topicPartitions: 1,
    http: { host: '127.0.0.1', port: 0 },
  })
  const { running, log } = stack.create(desk, settings, {
    routes(http, { decide }) {
      http.post('/notes', async ({ body, headers }, reply) => {
        const idempotencyKey = String(headers['idempotency-key'])
        return reply.code(202).send(await decide(note, body as Note, { idempotencyKey }))
      })
    },
  })
  await running.start()
  return {
    settings,
    running,
    log,
    post: (customer: string, number: number) =>
      fetch(`${running.httpUrl}/notes`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': `${customer}/${number}` },
        body: JSON.stringify({ customer, number, text }),
      }),
    ready: () => fetch(`${running.httpUrl}/readyz`),
  }
}

async function codecFor({ registryUrl }: Settings) {
  const codec = createCodec({ registryUrl, log: keepingLog() })
  await codec.register([PaidIn])
  return codec
}

const paid = (number: number) => ({
  id: `paid-${number}`,
  type: PaidIn.type,
  source: PaidIn.owner,
  timeMs: 0,
  key: 'p',
  correlationId: 'p',
  causationId: undefined,
  traceparent: undefined,
  tracestate: undefined,
})

describeOnEmbedded('a service whose events Kafka does not take', () => {
  it('failure 23: pauses, then answers 503, loses nothing, and says everything in order when Kafka is back', async () => {
    const { settings, running, log, post, ready } = await runningDesk()
    const publish = await foreignProducer(settings, closing)
    const codec = await codecFor(settings)
    const pay = (number: number) =>
      publish({
        topic: PaidIn.topic,
        key: 'p',
        headers: headersOf(paid(number)),
        value: codec.encode(PaidIn, { account: 'p', number, trick: '' }),
      })
    const booked = async () => (await running.read(account('p'))).booked
    stack.kafka.onRequest?.(({ api, request }) =>
      api === 'Produce' && (request as Produce).topics.some(({ name }) => name === Noted.topic)
        ? { kind: 'answer', response: refusing(request as Produce) }
        : undefined,
    )

    // As long as it is taken, and one more of each, which is not.
    const taken = new Map<string, number>()
    const refusals = await Promise.all(
      customers.map(async (customer) => {
        for (let number = 0; ; number += 1) {
          const answer = await post(customer, number)
          if (answer.status !== 202) return answer
          await answer.text()
          taken.set(customer, number)
        }
      }),
    )
    for (const refusal of refusals) {
      expect(refusal.status).toBe(503)
      expect(refusal.headers.get('retry-after')).toBe('1')
      expect(refusal.headers.get('content-type')).toContain('application/problem+json')
      expect(await refusal.json()).toMatchObject({
        status: 503,
        detail: expect.stringContaining('Try again'),
      })
    }
    const { backPressure } = running.status()
    expect(backPressure.holdsBack).toBe('events and commands')
    expect(backPressure.unpublishedBytes).toBeLessThan(limitBytes + customers.length * 2 * text.length)
    expect((await ready()).status).toBe(503)

    // One batch may be under way when the limit is reached; the next one waits, and is not left.
    await pay(1)
    await until(async () => (await booked()).length === 1)
    await pay(2)
    const lag = /^kafka_consumergroup_lag\{.*topic="desk-counter.events".*\} 2$/m
    await until(async () => lag.test(await (await fetch(`${running.httpUrl}/metrics`)).text()))
    expect(await booked()).toEqual([1])

    await stack.kafka.stop()
    expect((await post('a', (taken.get('a') ?? 0) + 1)).status).toBe(503)
    await stack.kafka.start()
    await until(() => running.status().backPressure.holdsBack === 'nothing')
    // What was refused is taken under its key.
    await Promise.all(
      customers.map(async (customer) => {
        const number = (taken.get(customer) ?? -1) + 1
        await until(async () => (await post(customer, number)).status === 202)
        taken.set(customer, number)
      }),
    )
    await until(async () => (await booked()).length === 2)
    expect(await booked()).toEqual([1, 2])

    const seen = await tape(settings, Noted.topic, closing)
    const count = [...taken.values()].reduce((sum, last) => sum + last + 1, 0)
    const distinct = () => new Map(seen.map((record) => [String(record.headers[headerNames.id]), record]))
    await until(() => distinct().size === count + 2)
    const said: Record<string, number[]> = {}
    for (const { value } of distinct().values()) {
      const { customer, number } = await codec.decode(Noted, value as Uint8Array)
      said[customer] = [...(said[customer] ?? []), number]
    }
    const all = [...taken].map(([customer, last]) => [
      customer,
      Array.from({ length: last + 1 }, (_, n) => n),
    ])
    expect(said).toEqual({ ...Object.fromEntries(all), 'booked-p': [1, 2] })
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
    await until(async () => (await ready()).status === 200)
    await running.stop()
  }, 180_000)
})
