// What a codec knows when the registry is away, emptied, or another one.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { type AnyEventType, isTroupeError, type Log } from '@troupe/core'
import { type EmbeddedRegistry, startRegistry } from '@troupe/embedded'
import { avroEvent } from '../event/avro-event.ts'
import { type AvroCodec, createCodec } from './create-codec.ts'

const text = (name: string) => ({ name, type: 'string' })
const number = (name: string) => ({ name, type: 'int', default: 0 })
const orderReceived = (fields: readonly object[], type = 'OrderReceived') =>
  avroEvent<string, object>({
    owner: 'order',
    schema: {
      type: 'record',
      name: type,
      namespace: 'order',
      key: 'orderId',
      fields: [text('orderId'), ...fields],
    },
  })
const OrderReceived = orderReceived([number('quantity'), number('price')])
/** The same bytes, read with the wrong one of the two, are another event. */
const Swapped = orderReceived([number('price'), number('quantity')])
const OrderCancelled = orderReceived([], 'OrderCancelled')
const order = { orderId: 'o1', quantity: 2, price: 9 }

let registry: EmbeddedRegistry
beforeAll(async () => {
  registry = await startRegistry()
})
beforeEach(() => registry.empty())
afterAll(() => registry.stop())

const nobody = 'http://127.0.0.1:1'
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const codecAt = (registryUrl: string, unknownSchemaWaitMs = 0) =>
  createCodec({ registryUrl, unknownSchemaWaitMs, log: silent })

/** A codec that has written an event, and the bytes. */
async function writer(type: AnyEventType = OrderReceived, data: object = order) {
  const codec = codecAt(registry.url)
  await codec.register([type])
  return { codec, bytes: codec.encode(type, data), name: codec.schemaNameOf(type) }
}

async function codeOf(act: () => unknown): Promise<string> {
  try {
    return `read ${JSON.stringify(await act())}`
  } catch (error) {
    if (isTroupeError(error)) return error.code
    throw error
  }
}

const idIn = (bytes: Uint8Array) => Buffer.from(bytes).readInt32BE(1)

async function learnedBy(codec: AvroCodec) {
  const learned = codec.takeLearned()
  expect(codec.takeLearned()).toEqual([])
  return learned
}

describe('a codec whose registry is away', () => {
  it('failure 20: writes and reads with what it is told to remember, under the same id', async () => {
    const { codec, bytes } = await writer()
    const later = codecAt(nobody)
    later.remember(await learnedBy(codec))
    expect(await codeOf(() => later.register([OrderReceived]))).toBe('TROUPE_REGISTRY_UNREACHABLE')
    expect(later.encode(OrderReceived, order)).toEqual(bytes)
    expect(later.decode(OrderReceived, bytes)).toEqual(order)
    expect(later.unregistered()).toMatchObject([{ type: 'OrderReceived', state: 'remembered' }])
  })

  it('may be told what to remember after it has failed to register', async () => {
    const { codec, bytes } = await writer()
    const later = codecAt(nobody)
    expect(await codeOf(() => later.register([OrderReceived]))).toBe('TROUPE_REGISTRY_UNREACHABLE')
    expect(await codeOf(() => later.encode(OrderReceived, order))).toBe('TROUPE_SCHEMA_AWAITED')
    later.remember(codec.takeLearned())
    expect(later.encode(OrderReceived, order)).toEqual(bytes)
  })

  it('failure 20: lets a schema that is new wait, and never writes it under another one’s id', async () => {
    const { codec } = await writer()
    const later = codecAt(nobody)
    later.remember(codec.takeLearned())
    await codeOf(() => later.register([Swapped, OrderReceived]))
    expect(later.unregistered().map(({ state }) => state)).toEqual(['awaited', 'remembered'])
    expect(await codeOf(() => later.encode(Swapped, order))).toBe('TROUPE_SCHEMA_AWAITED')
  })

  it('reads an event of its own schema without ever having asked', async () => {
    const { bytes, name } = await writer()
    expect(codecAt(nobody).decode(OrderReceived, bytes, name)).toEqual(order)
    expect(codecAt(nobody).decode(OrderReceived, bytes, Buffer.from(name))).toEqual(order)
  })
})

describe('a codec whose registry was emptied', () => {
  it('registers again when it looks, and writes under the id that it gets then', async () => {
    const { codec, bytes } = await writer()
    await registry.empty()
    const other = codecAt(registry.url)
    await other.register([OrderCancelled])
    expect(idIn(other.encode(OrderCancelled, { orderId: 'o1' }))).toBe(idIn(bytes))
    expect(await codec.checkRegistry()).toBe(1)
    expect(codec.unregistered()).toEqual([])
    const after = codec.encode(OrderReceived, order)
    expect(idIn(after)).not.toBe(idIn(bytes))
    expect(codec.decode(OrderReceived, after)).toEqual(order)
    expect(codec.decode(OrderReceived, bytes)).toEqual(order)
    expect(await codec.checkRegistry()).toBe(1)
  })

  it('asks for nothing but one schema as long as nothing is lost', async () => {
    const { codec } = await writer()
    await codec.register([OrderCancelled])
    for (let n = 0; n < 5; n++) expect(await codec.checkRegistry()).toBe(0)
    expect(codec.takeLearned()).toHaveLength(2)
  })

  it('says once that another service’s schema is gone, and leaves that to its owner', async () => {
    const { bytes, codec: owner } = await writer()
    const reader = codecAt(registry.url)
    expect(await reader.decode(OrderReceived, bytes)).toEqual(order)
    await registry.empty()
    for (let n = 0; n < 4; n++) expect(await reader.checkRegistry()).toBe(1)
    expect(await (await fetch(`${registry.url}/subjects`)).json()).toEqual([])
    await owner.checkRegistry()
    expect(await (await fetch(`${registry.url}/subjects`)).json()).toEqual([
      'order.events-order.OrderReceived',
    ])
  })

  it('tells by the name in the record which of two forms an id stood for', async () => {
    const { bytes: old, name: oldName } = await writer()
    const knowing = codecAt(registry.url)
    expect(await knowing.decode(OrderReceived, old)).toEqual(order)
    await registry.empty()
    const { bytes: young, name: youngName } = await writer(Swapped, order)
    expect(idIn(young)).toBe(idIn(old))
    expect([...young]).not.toEqual([...old])
    expect(await knowing.decode(OrderReceived, young, youngName)).toEqual(order)
    expect(knowing.decode(OrderReceived, old, oldName)).toEqual(order)
    // Without the name there is no telling: it is refused, not read as something else.
    expect(await codeOf(() => knowing.decode(OrderReceived, old))).toBe('TROUPE_SCHEMA_MISMATCH')
    expect(await codeOf(() => knowing.decode(OrderReceived, young))).toBe('TROUPE_SCHEMA_MISMATCH')
    // As does one that only remembers.
    const later = codecAt(nobody)
    later.remember(knowing.takeLearned())
    expect(later.decode(OrderReceived, young, youngName)).toEqual(order)
    expect(await codeOf(() => later.decode(OrderReceived, old))).toBe('TROUPE_SCHEMA_MISMATCH')
  })

  it('does not read an event by an id that means another schema now', async () => {
    const { bytes, name } = await writer()
    await registry.empty()
    await writer(Swapped)
    const reader = codecAt(registry.url)
    const Other = orderReceived([number('quantity'), number('price'), number('more')])
    expect(await codeOf(() => reader.decode(Other, bytes, name))).toBe('TROUPE_SCHEMA_ID_UNKNOWN')
  })

  it('waits for a schema by an error of its own, until it comes', async () => {
    const { bytes } = await writer()
    await registry.empty()
    const reader = codecAt(registry.url, 60_000)
    expect(await codeOf(() => reader.decode(OrderReceived, bytes))).toBe('TROUPE_SCHEMA_AWAITED')
    expect(await codeOf(() => reader.recordNameIn(bytes))).toBe('TROUPE_SCHEMA_AWAITED')
    await writer()
    const clock = performance.now.bind(performance)
    performance.now = () => clock() + 1_000
    try {
      expect(await reader.decode(OrderReceived, bytes)).toEqual(order)
      expect(reader.recordNameIn(bytes)).toBe('order.OrderReceived')
    } finally {
      performance.now = clock
    }
  })
})

describe('the name of a schema', () => {
  it('is the same whatever its docs and defaults say, and another one for another form', async () => {
    const documented = orderReceived([
      { name: 'quantity', type: 'int', default: 7, doc: 'How many.' },
      number('price'),
    ])
    const { codec, name } = await writer()
    expect(name).toMatch(/^avro:[0-9a-f]{16}$/)
    expect(codec.schemaNameOf(documented)).toBe(name)
    expect(codec.schemaNameOf(Swapped)).not.toBe(name)
  })

  it('counts for nothing where it is another’s way of naming', async () => {
    const { bytes } = await writer()
    const reader = codecAt(registry.url)
    expect(await reader.decode(OrderReceived, bytes, 'https://schemas.example/order')).toEqual(order)
    expect(await reader.decode(OrderReceived, bytes, '')).toEqual(order)
  })
})
