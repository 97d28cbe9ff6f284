import { randomBytes } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { isTroupeError, type OutgoingRecord, type RawRecord } from '@troupe/core'
import { type Bench, numbered, outgoing, textOf, until, withBroker } from '../kafka.test.kit.ts'
import { createLogEnds } from '../receive/log-ends.ts'
import { onWire } from '../client/namespace.ts'
import { createRelay, type Relay, type RelayOptions, type RelayTuning } from './relay.ts'

function relayOf(bench: Bench, tuning: RelayTuning = {}, options: Partial<RelayOptions> = {}): Relay {
  const relay = createRelay({ connection: bench.connection, log: bench.log, tuning, ...options })
  bench.later(() => relay.stop({ graceMs: 0 }))
  return relay
}

/** Tells how many records each request held that Kafka took. None is over before `mayEnd`. */
function counting(requests: number[], mayEnd?: Promise<void>): Pick<RelayOptions, 'around'> {
  return {
    async around({ records }, send) {
      const answer = await send()
      requests.push(records.length)
      await mayEnd
      return answer
    },
  }
}

function bytesIn(record: RawRecord | undefined, header: string): readonly Uint8Array[] {
  const value = record?.headers[header]
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]) as readonly Uint8Array[]
}

const events = (ids: readonly string[], options: Partial<OutgoingRecord> = {}): OutgoingRecord[] =>
  ids.map((id) => outgoing(id, options))

describe('a relay', () => {
  it('publishes keys, values and headers as they are', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const relay = relayOf(bench)
      await relay.start()
      relay.push([
        outgoing('text', { headers: { ce_id: 'text', twice: ['a', 'b'], absent: undefined } }),
        outgoing('bytes', { key: new Uint8Array([0, 255, 1]), headers: { raw: new Uint8Array([255, 0]) } }),
        outgoing('nothing', { key: null, value: null, headers: {} }),
      ])
      await relay.drained()
      const [text, bytes, nothing] = await bench.readOnce('order.events', 3)
      expect(textOf(text?.key ?? null)).toBe('order-1')
      expect(textOf(text?.value ?? null)).toBe('text')
      expect(textOf(bytesIn(text, 'ce_id')[0] ?? null)).toBe('text')
      expect(bytesIn(text, 'twice').map(textOf)).toEqual(['a', 'b'])
      expect(text?.headers).not.toHaveProperty('absent')
      expect([...(bytes?.key ?? [])]).toEqual([0, 255, 1])
      expect(bytesIn(bytes, 'raw').map((value) => [...value])).toEqual([[255, 0]])
      expect(nothing).toMatchObject({ key: null, value: null, headers: {} })
    }))

  it('sends everything that was queued while one request was in flight with the next', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const requests: number[] = []
      let goOn = (): void => undefined
      const mayEnd = new Promise<void>((resolve) => (goOn = resolve))
      const relay = relayOf(bench, { requestRecordsMax: 50 }, counting(requests, mayEnd))
      await relay.start()
      relay.push(events(['first']))
      await until('the first request', () => requests.length === 1)
      for (const id of numbered('a', 120)) relay.push(events([id]))
      goOn()
      await relay.drained()
      expect(requests).toEqual([1, 50, 50, 20])
      expect((await bench.readOnce('order.events', 121)).map(({ value }) => textOf(value))).toEqual([
        'first',
        ...numbered('a', 120),
      ])
    }))

  it('keeps the size of a request below its limit', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const requests: number[] = []
      const relay = relayOf(bench, { requestBytesMax: 10_000 }, counting(requests))
      relay.push(events(numbered('a', 10), { value: Buffer.alloc(3_000) }))
      await relay.start()
      await relay.drained()
      expect(requests).toEqual([3, 3, 3, 1])
    }))

  it('knows which records it has in hand', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const requests: number[] = []
      const relay = relayOf(bench, {}, counting(requests))
      relay.push(events(['a', 'b']))
      expect(relay.holds('a')).toBe(true)
      expect(relay.takePublished()).toEqual([])
      await relay.start()
      await relay.drained()
      relay.push(events(['a']))
      await relay.drained()
      const taken = relay.takePublished()
      expect(taken).toEqual(['a', 'b'])
      expect(relay.takePublished()).toEqual([])
      expect(relay.holds('a')).toBe(true)
      relay.restore(taken)
      expect(relay.takePublished()).toEqual(['a', 'b'])
      relay.confirmDeleted(['a', 'b'])
      expect(relay.holds('a')).toBe(true)
      expect(relay.holds('c')).toBe(false)
      expect(requests).toEqual([2])
      // A replay may publish what was deleted long ago.
      relay.push(events(['a']))
      await relay.drained()
      expect(requests).toEqual([2, 1])
    }))

  it('sets aside a record that Kafka will never take, and goes on with the others', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 1, { 'max.message.bytes': '10000' })
      const relay = relayOf(bench)
      await relay.start()
      relay.push([
        ...events(numbered('a', 20)),
        outgoing('huge', { value: randomBytes(20_000) }),
        ...events(numbered('b', 20)),
      ])
      await relay.drained()
      const read = await bench.readOnce('order.events', 40)
      expect(read.map(({ value }) => textOf(value))).toEqual([...numbered('a', 20), ...numbered('b', 20)])
      expect(relay.state.refusedCount).toBe(1)
      expect(relay.state.refused[0]).toMatchObject({ id: 'huge', topic: 'order.events' })
      expect(relay.holds('huge')).toBe(true)
      expect(relay.takePublished()).not.toContain('huge')
      const line = bench.log.lines.find(({ level }) => level === 'error')
      const topic = onWire(bench.connection, 'order.events')
      expect(line?.facts).toMatchObject({ id: 'huge', topic, key: 'order-1' })
    }))

  it('makes requests smaller where only all records together are too much', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 1, { 'max.message.bytes': '10000' })
      const relay = relayOf(bench)
      await relay.start()
      const values = numbered('a', 40).map((value) => value.padEnd(1_000, '.'))
      relay.push(values.map((value, index) => outgoing(`id${index}`, { value: Buffer.from(value) })))
      await relay.drained()
      expect((await bench.readOnce('order.events', 40)).map(({ value }) => textOf(value))).toEqual(values)
      expect(relay.state.refusedCount).toBe(0)
    }))

  it('does not let one topic hold back another', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const relay = relayOf(bench)
      await relay.start()
      relay.push([
        outgoing('lost', { topic: 'order.dlq' }),
        outgoing('a'),
        outgoing('bad', { topic: 'no topic!' }),
      ])
      await until('the good one', () => relay.state.published === 1)
      await until('the bad one', () => relay.state.refusedCount === 1)
      await until('the problem', () => relay.state.problems.length === 1)
      expect(relay.state.problems[0]?.topic).toBe('order.dlq')
      expect(relay.state.oldestUnpublishedSinceMs).toBeLessThanOrEqual(Date.now())
      await bench.createTopic('order.dlq')
      await relay.drained()
      expect(relay.state).toMatchObject({ published: 2, queued: 0, queuedBytes: 0, problems: [] })
    }))

  it('makes whoever asks for room wait while the queue is full', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const relay = relayOf(bench, { queueRecordsMax: 10 })
      await relay.room()
      relay.push(events(numbered('a', 10)))
      let hasRoom = false
      const room = relay.room().then(() => {
        hasRoom = true
      })
      await new Promise((resolve) => setImmediate(resolve))
      expect(hasRoom).toBe(false)
      await relay.start()
      await room
      expect(relay.state.queued).toBeLessThan(10)
    }))

  it('says what it could not publish when it stops', () =>
    withBroker(async (bench) => {
      const relay = relayOf(bench)
      await relay.start()
      relay.push(events(['a', 'b']))
      const drained = relay.drained().catch((error: unknown) => error)
      expect(await relay.stop({ graceMs: 50 })).toEqual({ left: 2 })
      expect(isTroupeError(await drained, 'TROUPE_STOPPED')).toBe(true)
      expect(relay.holds('a')).toBe(true)
    }))

  it('keeps the order of each key when the broker is stopped and started again', () =>
    withBroker(
      async (bench) => {
        await bench.createTopic('order.events', 3)
        const relay = relayOf(bench, { requestRecordsMax: 7 })
        await relay.start()
        const pushed = numbered('a', 300).map((id, index) => outgoing(id, { key: `order-${index % 10}` }))
        relay.push(pushed.slice(0, 100))
        await until('some to be published', () => relay.state.published > 20)
        await bench.stopBroker()
        relay.push(pushed.slice(100))
        await until('trouble', () => relay.state.problems.length > 0)
        await bench.startBroker()
        await relay.drained()
        expect(relay.state.problems).toEqual([])
        expect(relay.takePublished().toSorted()).toEqual(pushed.map(({ id }) => id).toSorted())
        const ends = createLogEnds(bench.connection)
        bench.later(() => ends.close())
        const ended = [...(await ends.read(['order.events'])).values()]
        const count = ended.reduce((sum, end) => sum + Number(end), 0)
        const read = await bench.readAll('order.events', count)
        for (const key of numbered('order-', 10)) {
          const ofKey = read.filter((record) => textOf(record.key) === key).map(({ value }) => textOf(value))
          const wanted = pushed.filter((record) => record.key === key).map(({ id }) => id)
          expect([...new Set(ofKey)]).toEqual(wanted)
        }
      },
      { isStopped: true },
    ))

  it('chooses partitions as the Java client does', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 100)
      const relay = relayOf(bench)
      await relay.start()
      // murmur2 of these, positive, as the Java client's own tests list it, modulo 100.
      const known: readonly (readonly [string, number])[] = [
        ['21', (-973932308 & 0x7fffffff) % 100],
        ['foobar', (-790332482 & 0x7fffffff) % 100],
        ['a-little-bit-long-string', (-985981536 & 0x7fffffff) % 100],
      ]
      relay.push(known.map(([key]) => outgoing(`text ${key}`, { key })))
      relay.push(known.map(([key]) => outgoing(`bytes ${key}`, { key: new TextEncoder().encode(key) })))
      await relay.drained()
      const read = await bench.readOnce('order.events', 6)
      for (const [key, partition] of known)
        expect(read.filter((record) => textOf(record.key) === key).map((record) => record.partition)).toEqual(
          [partition, partition],
        )
    }))
})
