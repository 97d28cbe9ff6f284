import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { avroEvent } from '@troupe/avro'
import { type AnyEventType, reaction, type RawRecord, service } from '@troupe/core'
import { randomUUID } from 'node:crypto'
import { ecosystem, startTestStack, type TestStack } from '../kits/ecosystem.test.kit.ts'
import { until } from '../kits/fakes.test.kit.ts'
import type { Settings } from '../settings/environment.ts'
import {
  type Closing,
  describeOnEmbedded,
  foreignProducer,
  register,
  registerJson,
  tape,
  wireNameOf,
} from '../kits/records.test.kit.ts'
import type { RunningService } from '../service/running-service.ts'

let stack: TestStack
const closing: Closing = []
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(async () => {
  for (const close of closing.splice(0)) await close()
  await stack?.stop()
})

type Ecosystem = ReturnType<typeof ecosystem>

/** A counter and a bank that run, and are started again as often as wanted. */
async function running(name: string) {
  const settings = {
    counter: await stack.settings(`${name}-counter`),
    bank: await stack.settings(`${name}-bank`, {
      unknownSchemaWaitMs: 30_000,
      http: { host: '127.0.0.1', port: 0 },
    }),
  }
  async function start(own: Ecosystem) {
    const [counter, bank] = [
      stack.create(own.counter, settings.counter),
      stack.create(own.bank, settings.bank),
    ]
    await Promise.all([counter.running.start(), bank.running.start()])
    return { counter, bank, own }
  }
  return { settings, start, started: await start(ecosystem(name)) }
}

type Started = Awaited<ReturnType<typeof running>>['started']

async function pay({ counter, own }: Started, number: number): Promise<void> {
  await counter.running.decide(own.payIn, { account: 'a', number }, { idempotencyKey: String(number) })
}

async function booked({ bank, own }: Started, numbers: readonly number[]): Promise<void> {
  await until(async () => (await bank.running.read(own.account('a'))).booked.length >= numbers.length)
  expect((await bank.running.read(own.account('a'))).booked).toEqual(numbers)
}

async function stopBoth({ counter, bank }: Started): Promise<void> {
  await Promise.all([counter.running.stop(), bank.running.stop()])
}

const isConfirmed = (one: RunningService) => one.status().schemas.length === 0
const metric = async (one: RunningService, name: string) =>
  (await (await fetch(`${one.httpUrl}/metrics`)).text()).split('\n').filter((line) => line.startsWith(name))

async function idOf(settings: Settings, type: AnyEventType): Promise<number> {
  const subject = wireNameOf(settings, `${type.topic}-${type.schema.namespace}.${type.type}`)
  const answer = await fetch(`${settings.registryUrl}/subjects/${subject}/versions/latest`)
  return ((await answer.json()) as { id: number }).id
}

const wireId = ({ value }: RawRecord) => Buffer.from(value ?? []).readInt32BE(1)

describe('a registry that is away', () => {
  it('failure 20: keeps nobody from starting again with the schemas that it had confirmed', async () => {
    const { settings, start, started } = await running('away')
    await pay(started, 1)
    await booked(started, [1])
    await stopBoth(started)
    await stack.registry.stop()
    const again = await start(ecosystem('away')).catch(async (error: unknown) => {
      await stack.registry.start()
      throw error
    })
    try {
      await pay(again, 2)
      await booked(again, [1, 2])
      await until(() => again.bank.running.status().isReady)
      const status = again.bank.running.status()
      expect(status).toMatchObject({
        isReady: true,
        dependencies: { registry: { state: 'down' } },
        schemas: [{ type: 'Booked', state: 'remembered' }],
      })
      const said = again.bank.log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
      expect(said).toContainEqual('away-bank starts without the registry, with the schemas that it remembers')
    } finally {
      await stack.registry.start()
    }
    await until(() => isConfirmed(again.bank.running) && isConfirmed(again.counter.running))
    expect(await idOf(settings.bank, again.own.Booked)).toBeGreaterThan(0)
    await pay(again, 3)
    await booked(again, [1, 2, 3])
    expect(again.bank.log.lines.filter(({ level }) => level === 'error')).toEqual([])
    await stopBoth(again)
  })

  it('failure 20: makes a changed schema wait, and its events, while the service stays up and says so', async () => {
    const { start, started } = await running('changed')
    await pay(started, 1)
    await booked(started, [1])
    await started.bank.running.stop()
    await stack.registry.stop()
    // The service says two events: one that the registry knows, and one that is new.
    const own = ecosystem('changed', { says: 'BookedTwice' })
    const later = await start(own).catch(async (error: unknown) => {
      await stack.registry.start()
      throw error
    })
    try {
      await pay({ ...later, own: started.own, counter: started.counter }, 2)
      await until(() =>
        later.bank.log.lines.some(({ message }) => /waits for a schema: BookedTwice/.test(message)),
      )
      expect(later.bank.running.status()).toMatchObject({
        isReady: false,
        state: 'running',
        schemas: expect.arrayContaining([
          { type: 'BookedTwice', state: 'awaited', error: expect.stringContaining('Schema Registry') },
        ]),
      })
      expect((await later.bank.running.read(own.account('a'))).booked).toEqual([1])
    } finally {
      await stack.registry.start()
    }
    await booked(later, [1, 2])
    await until(() => later.bank.running.status().isReady)
    expect(later.bank.log.lines.filter(({ level }) => level === 'error')).toEqual([])
    await Promise.all([stopBoth(later), started.counter.running.stop()])
  })
})

describeOnEmbedded('a registry that was emptied under running services', () => {
  it('is filled again by the owners, whose new ids are taken into use, and costs no event', async () => {
    // Others came first, and will not come again: the ids that are given out anew are lower.
    const others = await stack.settings('emptied-others')
    for (let n = 0; n < 20; n++)
      await register(others, `other-${n}`, { type: 'record', name: `Other${n}`, fields: [] })
    const { settings, started } = await running('emptied')
    const { PaidIn, Booked } = started.own
    const seen = await tape(settings.bank, Booked.topic, closing)
    await pay(started, 1)
    await booked(started, [1])
    const before = await idOf(settings.bank, Booked)
    await stack.emptyRegistry()
    await pay(started, 2)
    await booked(started, [1, 2])
    await until(
      async () => (await idOf(settings.bank, Booked)) > 0 && (await idOf(settings.bank, PaidIn)) > 0,
    )
    const after = await idOf(settings.bank, Booked)
    expect(after).toBeLessThan(before)
    await until(() => isConfirmed(started.bank.running) && isConfirmed(started.counter.running))
    await pay(started, 3)
    await booked(started, [1, 2, 3])
    await until(() => seen.length === 3)
    expect(wireId(seen[0]!)).toBe(before)
    expect(wireId(seen[2]!)).toBe(after)
    const lines = started.bank.log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
    expect(lines).toContainEqual(
      expect.stringMatching(/emptied or replaced. The schemas of this service are registered again/),
    )
    expect(lines).toContainEqual(
      expect.stringMatching(new RegExp(`Booked the id ${after}; it was ${before}`)),
    )
    expect(await metric(started.bank.running, 'troupe_registry_losses_total')).not.toEqual([
      'troupe_registry_losses_total 0',
    ])
    expect(started.bank.log.lines.filter(({ level }) => level === 'error')).toEqual([])

    // Who comes later, and reads what was written under the ids of before, reads it as it was meant.
    const late = service({
      name: 'emptied-late',
      reactions: {
        note: reaction({
          on: Booked,
          emits: [],
          reads: ({ data }) => [started.own.account(data.account)],
          react({ data }, { get, put }) {
            const it = started.own.account(data.account)
            put(it, { booked: [...get(it).booked, data.number] })
          },
        }),
      },
    })
    const reader = stack.create(late, await stack.settings('emptied-late'))
    await reader.running.start()
    const noted = async () => (await reader.running.read(started.own.account('a'))).booked
    await until(async () => (await noted()).length === 3)
    expect(await noted()).toEqual([1, 2, 3])
    await reader.running.stop()
    await stopBoth(started)
  })
})

describe('an event that is ahead of its schema', () => {
  it('waits until the registry has it, for as long as was said, and is applied once', async () => {
    const Parcel = foreignEvent('late.Parcel', 'late-parcels')
    const own = ecosystem('late', { hears: Parcel })
    const settings = await stack.settings('late-bank', {
      unknownSchemaWaitMs: 30_000,
      http: { host: '127.0.0.1', port: 0 },
      topicPartitions: 1,
    })
    const { running: bank, log } = stack.create(own.bank, settings)
    await bank.start()
    const publish = await foreignProducer(settings, closing)
    const waiting = async () => (await metric(bank, 'troupe_partitions_waiting_for_schema'))[0]?.at(-1)
    // A registry gives out ids by itself: others who register there may take the one that was to be the next.
    for (let isNext = false; !isNext; ) {
      const id = 1 + (await register(settings, 'late-probe', anew(probe)))
      await publish({ topic: Parcel.topic, value: bytesOf(Parcel, id, 1) })
      await until(async () => (await waiting()) === '1' || (await isTaken(settings, id)))
      isNext =
        (await register(settings, 'late-parcels-value', { ...Parcel.schema, doc: randomUUID() })) === id
    }
    expect(log.lines.filter(({ message }) => /waits for a schema/.test(message)).length).toBeGreaterThan(0)
    await until(async () => (await bank.read(own.account('a'))).booked.length > 0)
    await until(async () => (await waiting()) === '0')
    expect((await bank.read(own.account('a'))).booked).toEqual([1])
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
    await bank.stop()
  })
})

const probe = { type: 'record', name: 'Probe', fields: [] }

/** The same schema under an id of its own, by a field that takes no bytes: a registry knows what differs in words alone. */
function anew<Schema extends { readonly fields: readonly object[] }>(schema: Schema) {
  const name = `_${randomUUID().replaceAll('-', '')}`
  return { ...schema, fields: [...schema.fields, { name, type: 'null', default: null }] }
}

async function isTaken({ registryUrl }: Settings, id: number): Promise<boolean> {
  return (await fetch(`${registryUrl}/schemas/ids/${id}`)).ok
}

describe('another team’s event, without Troupe’s headers', () => {
  it('is heard by the name of its schema; what nobody here hears is passed over, and garbage dead-lettered', async () => {
    const Parcel = foreignEvent('acme.Parcel', 'acme-parcels')
    const own = ecosystem('acme', { hears: Parcel })
    const settings = await stack.settings('acme-bank', {
      unknownSchemaWaitMs: 100,
      http: { host: '127.0.0.1', port: 0 },
      topicPartitions: 1,
    })
    const { running: bank, log } = stack.create(own.bank, settings)
    await bank.start()
    const dead = await tape(settings, own.bank.deadLetterTopic, closing)
    const publish = await foreignProducer(settings, closing)
    const id = await register(settings, 'acme-parcels-value', Parcel.schema)
    const sameName = await register(settings, 'acme-other', { ...Parcel.schema, namespace: 'other' })
    const json = await registerJson(settings, 'acme-json')
    const { topic } = Parcel
    await publish({ topic, value: bytesOf(Parcel, id, 1) })
    await publish({ topic, value: bytesOf(Parcel, id, 2), key: Buffer.from([0, 0, 0, 0, 9, 255]) })
    await publish({ topic, value: bytesOf(Parcel, sameName, 3) })
    await publish({ topic, value: bytesOf(Parcel, json, 4) })
    await publish({ topic, value: null, key: 'gone' })
    await publish({ topic, value: Buffer.from('garbage') })
    await publish({ topic, value: bytesOf(Parcel, 99_999, 5) })
    await publish({ topic, value: bytesOf(Parcel, id, 6) })
    await until(async () => (await bank.read(own.account('a'))).booked.length === 3)
    expect((await bank.read(own.account('a'))).booked).toEqual([1, 2, 6])
    await until(() => dead.length === 2)
    expect(dead.map(({ headers }) => String(headers['troupe_error_code']))).toEqual([
      'TROUPE_WIRE_FORMAT_FOREIGN',
      'TROUPE_SCHEMA_ID_UNKNOWN',
    ])
    expect(Buffer.from(dead[0]?.value ?? []).toString()).toBe('garbage')
    expect(await metric(bank, 'troupe_events_passed_over_total')).toEqual([
      'troupe_events_passed_over_total{reason="schema-not-heard"} 2',
      'troupe_events_passed_over_total{reason="tombstone"} 1',
    ])
    expect(log.lines.filter(({ message }) => /is passed over on acme-parcels/.test(message))).toHaveLength(3)
    await bank.stop()
  })
})

/** An event of a team that does not know Troupe: its topic is its own. */
function foreignEvent(fullName: string, topic: string) {
  const [namespace = '', name = ''] = fullName.split('.')
  return avroEvent<string, { account: string; number: number; trick: string }>({
    owner: namespace,
    schema: {
      type: 'record',
      name,
      namespace,
      key: 'account',
      topic,
      fields: [
        { name: 'account', type: 'string' },
        { name: 'number', type: 'int' },
        { name: 'trick', type: 'string', default: '' },
      ],
    },
  })
}

/** As a serializer of another team writes it. */
function bytesOf(_type: AnyEventType, id: number, number: number): Uint8Array {
  const header = Buffer.alloc(5)
  header.writeInt32BE(id, 1)
  return Buffer.concat([header, Buffer.from([2, 'a'.charCodeAt(0), number * 2, 0])])
}
