import { describe, expect, it } from '@jest/globals'
import { CompressionTypes } from 'kafkajs'
import { adminFor, broker, kafkaFor, listenTo, producerFor, until } from './clients.test.kit.ts'

describe('a producer and a consumer group', () => {
  it('carry keys, values, nulls and headers through unchanged', async () => {
    const target = await broker()
    const producer = await producerFor(target)
    const sent = await producer.send({
      topic: 'orders',
      messages: [
        { key: 'a', value: 'one', headers: { kind: 'first', trace: Buffer.from([0x61]) } },
        { key: null, value: 'no key' },
        { key: 'gone', value: null },
        { key: '', value: '' },
      ],
    })
    expect(sent[0]).toMatchObject({ errorCode: 0, baseOffset: '0', partition: 0 })

    const { seen } = await listenTo(target, 'orders')
    await until('four messages', () => seen.length === 4)
    expect(seen).toEqual([
      { partition: 0, offset: '0', key: 'a', value: 'one', headers: { kind: 'first', trace: 'a' } },
      { partition: 0, offset: '1', key: null, value: 'no key', headers: {} },
      { partition: 0, offset: '2', key: 'gone', value: null, headers: {} },
      { partition: 0, offset: '3', key: '', value: '', headers: {} },
    ])
  })

  it('keep the order of each of several partitions', async () => {
    const target = await broker()
    target.createTopic('t', 5)
    const producer = await producerFor(target)
    const messages = Array.from({ length: 500 }, (_, at) => ({ key: `k${at % 20}`, value: `${at}` }))
    await producer.send({ topic: 't', messages })
    const { seen } = await listenTo(target, 't')
    await until('all messages', () => seen.length === 500)
    for (let key = 0; key < 20; key += 1) {
      const values = seen.filter((each) => each.key === `k${key}`).map(({ value }) => Number(value))
      expect(values).toEqual([...values].sort((a, b) => a - b))
      expect(values).toHaveLength(25)
    }
    expect(new Set(seen.map(({ partition }) => partition)).size).toBe(5)
  })

  it.each([
    ['no acks', { acks: 0 }],
    ['the leader’s ack', { acks: 1 }],
    ['gzip', { acks: -1, compression: CompressionTypes.GZIP }],
  ])('understand each other with %s', async (_what, how) => {
    const target = await broker()
    const producer = await producerFor(target)
    await producer.send({ topic: 't', messages: [{ value: 'a' }, { value: 'b' }], ...how })
    const { seen } = await listenTo(target, 't')
    await until('two messages', () => seen.length === 2)
    expect(seen.map(({ value }) => value)).toEqual(['a', 'b'])
  })

  it('understand each other with an idempotent producer', async () => {
    const target = await broker()
    const producer = await producerFor(target, {
      idempotent: true,
      maxInFlightRequests: 5,
      retry: { retries: 5 },
    })
    const sends = Array.from({ length: 50 }, (_, at) =>
      producer.send({ topic: 't', messages: [{ value: `${at}` }] }),
    )
    await Promise.all(sends)
    const { seen } = await listenTo(target, 't')
    await until('all messages', () => seen.length === 50)
    expect(new Set(seen.map(({ value }) => value)).size).toBe(50)
  })

  it('carry messages that are larger than a fetch wants to take', async () => {
    const target = await broker()
    const producer = await producerFor(target)
    for (const letter of ['a', 'b'])
      await producer.send({ topic: 't', messages: [{ value: letter.repeat(900_000) }] })
    const { seen } = await listenTo(target, 't', { maxBytesPerPartition: 1000, maxBytes: 2000 })
    await until('two large messages', () => seen.length === 2)
    expect(seen.map(({ value }) => value?.length)).toEqual([900_000, 900_000])
  })

  it('get through a large backlog', async () => {
    const target = await broker()
    target.createTopic('t', 3)
    const producer = await producerFor(target)
    const messages = Array.from({ length: 1000 }, (_, at) => ({ key: `${at}`, value: 'x'.repeat(200) }))
    for (let round = 0; round < 50; round += 1) await producer.send({ topic: 't', messages, acks: 1 })
    const { seen } = await listenTo(target, 't')
    await until('50,000 messages', () => seen.length === 50_000)
    expect(new Set(seen.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(50_000)
  })
})

describe('a broker', () => {
  it('names the taken address and the way out', async () => {
    const { port } = await broker()
    await expect(broker({ port })).rejects.toMatchObject({
      code: 'BROKER_ADDRESS_TAKEN',
      message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port} is taken .* choose another port`)),
    })
  })

  it.each([
    ['port', { port: 70_000 }],
    ['defaultPartitions', { defaultPartitions: 0 }],
    ['fetchWaitMsMax', { fetchWaitMsMax: 0.5 }],
    ['sessionTimeoutMinMs', { sessionTimeoutMinMs: 10, sessionTimeoutMaxMs: 5 }],
  ])('refuses a senseless %s by name', async (name, options) => {
    await expect(broker(options)).rejects.toMatchObject({
      code: 'BROKER_OPTION_INVALID',
      message: expect.stringContaining(name),
    })
  })

  it('tells clients the very address that they were given', async () => {
    const target = await broker({ host: 'localhost' })
    const admin = await adminFor(target)
    const { brokers, controller } = await admin.describeCluster()
    expect(brokers).toEqual([{ nodeId: controller, host: 'localhost', port: target.port }])
    expect(target.address).toBe(`localhost:${target.port}`)
  })

  it('stops with clients connected, more than once, and frees its port', async () => {
    const first = await broker()
    const producer = kafkaFor(first).producer({ retry: { retries: 0 } })
    await producer.connect()
    await Promise.all([first.stop(), first.stop()])
    await first.stop()
    await broker({ port: first.port })
    await producer.disconnect()
  })

  it('loses no client for good when it is started again on the same port', async () => {
    const first = await broker()
    const producer = await producerFor(first, { retry: { retries: 10 } })
    await producer.send({ topic: 't', messages: [{ value: 'before' }] })
    const { seen } = await listenTo(first, 't')
    await until('the first message', () => seen.length === 1)
    await first.stop()
    await broker({ port: first.port })
    await producer.send({ topic: 't', messages: [{ value: 'after' }] })
    await until('the second message', () => seen.some(({ value }) => value === 'after'))
  })
})
