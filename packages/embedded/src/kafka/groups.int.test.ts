import { describe, expect, it } from '@jest/globals'
import { adminFor, broker, kafkaFor, listenTo, producerFor, QUICK, until } from './clients.test.kit.ts'

const numbered = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ key: `k${at}`, value: `${at}` }))

describe('a consumer group', () => {
  it('shares the partitions out anew when a member comes and when one goes', async () => {
    const target = await broker()
    target.createTopic('t', 4)
    const first = await listenTo(target, 't')
    await until('all partitions with the first', () => first.assigned().length === 4)

    const second = await listenTo(target, 't')
    await until('two partitions each', () => first.assigned().length === 2 && second.assigned().length === 2)
    expect([...first.assigned(), ...second.assigned()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3])

    await first.consumer.disconnect()
    await until('all partitions with the second', () => second.assigned().length === 4)
    expect(target.groups()[0]).toMatchObject({ state: 'Stable', memberCount: 1 })
  })

  it('hears every message once while members come and go in order', async () => {
    const target = await broker()
    target.createTopic('t', 6)
    const producer = await producerFor(target)
    const members = [await listenTo(target, 't')]
    for (let round = 0; round < 4; round += 1) {
      await producer.send({ topic: 't', messages: numbered(60) })
      if (round < 2) members.push(await listenTo(target, 't'))
      await until('all of this round', () => members.flatMap(({ seen }) => seen).length >= (round + 1) * 60)
    }
    const places = members.flatMap(({ seen }) =>
      seen.map(({ partition, offset }) => `${partition}/${offset}`),
    )
    expect(new Set(places).size).toBe(240)
  })

  it('goes on after the member that died, when its session is over', async () => {
    const target = await broker()
    target.createTopic('t', 2)
    const client = kafkaFor(target).consumer({ groupId: 'listeners', ...QUICK, sessionTimeout: 300 })
    await client.connect()
    await client.subscribe({ topic: 't' })
    // Stuck in its first message, it never again sends a heartbeat.
    let release = (): void => {}
    await client.run({ eachMessage: () => new Promise<void>((resolve) => (release = resolve)) })
    const producer = await producerFor(target)
    await until('the first member', () => target.groups()[0]?.state === 'Stable')
    await producer.send({ topic: 't', messages: numbered(8) })

    const second = await listenTo(target, 't', { sessionTimeout: 300, rebalanceTimeout: 300 })
    await until(
      'everything with the second',
      () => second.assigned().length === 2 && second.seen.length === 8,
    )
    release()
    await client.disconnect()
  })

  it('resumes where it had committed', async () => {
    const target = await broker()
    const producer = await producerFor(target)
    await producer.send({ topic: 't', messages: numbered(10) })
    const first = await listenTo(target, 't')
    await until('ten messages', () => first.seen.length === 10)
    await first.consumer.disconnect()
    expect(target.groups()[0]?.offsets).toEqual({ t: { 0: 10 } })

    await producer.send({ topic: 't', messages: numbered(3) })
    const second = await listenTo(target, 't')
    await until('three more', () => second.seen.length === 3)
    expect(second.seen.map(({ offset }) => offset)).toEqual(['10', '11', '12'])
  })

  it('starts over from the beginning when its offsets are reset to "earliest" (-2)', async () => {
    const target = await broker()
    const producer = await producerFor(target)
    await producer.send({ topic: 't', messages: numbered(5) })
    const admin = await adminFor(target)
    target.setGroupOffsets('listeners', 't', { 0: -2 })
    expect(await admin.fetchOffsets({ groupId: 'listeners', topics: ['t'] })).toEqual([
      { topic: 't', partitions: [{ partition: 0, offset: '-2', metadata: null }] },
    ])
    const { seen } = await listenTo(target, 't')
    await until('five messages', () => seen.length === 5)
  })

  it('finds its way back when its offset is out of range', async () => {
    const target = await broker()
    const producer = await producerFor(target)
    await producer.send({ topic: 't', messages: numbered(5) })
    target.setGroupOffsets('listeners', 't', { 0: 99 })
    const { seen } = await listenTo(target, 't')
    await until('five messages', () => seen.length === 5)
  })

  it('cannot be moved while it has members', async () => {
    const target = await broker()
    target.createTopic('t')
    await listenTo(target, 't')
    await until('a member', () => target.groups()[0]?.state === 'Stable')
    expect(() => target.setGroupOffsets('listeners', 't', { 0: 0 })).toThrow(
      expect.objectContaining({ code: 'BROKER_GROUP_ACTIVE' }),
    )
    expect(() => target.setGroupOffsets('others', 't', { 7: 0 })).toThrow(
      expect.objectContaining({ code: 'BROKER_TOPIC_UNKNOWN' }),
    )
  })

  it('is left by kafkajs at once when idle: the long poll is capped', async () => {
    const target = await broker()
    target.createTopic('t')
    const { consumer } = await listenTo(target, 't', { maxWaitTimeInMs: 20_000 })
    await until('a member', () => target.groups()[0]?.state === 'Stable')
    const before = Date.now()
    await consumer.disconnect()
    expect(Date.now() - before).toBeLessThan(15_000)
  })
})
