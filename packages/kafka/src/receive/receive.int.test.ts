import { describe, expect, it } from '@jest/globals'
import { isTroupeError } from '@troupe/core'
import { MemoryLedger, numbered, until, withBroker } from '../kafka.test.kit.ts'
import type { PartitionWork, ReceivedBatch } from './partition-work.ts'
import { createReceiver, type Receiver } from './receive.ts'

const topics = ['order.events']

describe('a receiver', () => {
  it('reads a new group from the first record on, in adjoining stretches', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      await bench.publish('order.events', numbered('a', 50))
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({
        topics,
        assign: (partition) => Promise.resolve(ledger.work(partition)),
        tuning: { batchRecordsMax: 20 },
      })
      await receiver.start()
      expect(receiver.state.phase).toBe('receiving')
      await until('the first fifty', () => ledger.records.length === 50)
      await bench.publish('order.events', numbered('b', 5))
      await until('five more', () => ledger.records.length === 55)
      expect(ledger.values).toEqual([...numbered('a', 50), ...numbered('b', 5)])
      expect(ledger.batches[0]?.from).toBe(0n)
      expect(Math.max(...ledger.batches.map(({ records }) => records.length))).toBe(20)
      for (const [index, batch] of ledger.batches.entries())
        if (index > 0) expect(batch.from).toBe(ledger.batches[index - 1]?.to)
      expect(bench.log.lines.filter(({ message }) => message.includes('not where it should be'))).toEqual([])
      expect(receiver.lag()).toEqual([{ topic: 'order.events', partition: 0, lag: 0n }])
    }))

  it('begins where the ledger says, although Kafka has committed a later offset', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      await bench.publish('order.events', numbered('a', 10))
      await bench.setOffset('payment', 'order.events', 0, '10')
      expect(await bench.group('payment', 'order.events')).toEqual({ members: 0, offsets: ['10'] })
      const ledger = new MemoryLedger()
      ledger.positions.set('order.events/0', { epoch: 3, next: 4n })
      const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
      await receiver.start()
      await until('what the hint would skip', () => ledger.records.length === 6)
      expect(ledger.values).toEqual(numbered('a', 10).slice(4))
      expect(ledger.batches[0]?.from).toBe(4n)
    }))

  it('does not hand over what Kafka’s committed offset would repeat', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      await bench.publish('order.events', numbered('a', 10))
      await bench.setOffset('payment', 'order.events', 0, '2')
      const ledger = new MemoryLedger()
      ledger.positions.set('order.events/0', { epoch: 1, next: 8n })
      const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
      await receiver.start()
      await until('the rest', () => ledger.records.length === 2)
      expect(ledger.values).toEqual(['a8', 'a9'])
    }))

  it('claims a partition anew when it is fenced, and goes on without gap or repetition', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
      await receiver.start()
      await bench.publish('order.events', numbered('a', 5))
      await until('the first five', () => ledger.records.length === 5)
      ledger.claim({ topic: 'order.events', partition: 0 })
      await bench.publish('order.events', numbered('b', 5))
      await until('five more', () => ledger.records.length === 10)
      expect(ledger.values).toEqual([...numbered('a', 5), ...numbered('b', 5)])
      expect(ledger.releases).toHaveLength(1)
      expect(ledger.claims).toHaveLength(3)
    }))

  it('hands a rejected stretch over again, while other partitions flow', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 2)
      const ledger = new MemoryLedger()
      let isBroken = true
      const refused: ReceivedBatch[] = []
      const receiver = bench.receiver({
        topics,
        assign: (one) =>
          Promise.resolve(
            ledger.work(one, (batch) => {
              if (batch.partition === 1 || !isBroken) return Promise.resolve()
              refused.push(batch)
              return Promise.reject(new Error('no database'))
            }),
          ),
      })
      const kinds: string[] = []
      receiver.onFailure(({ kind }) => kinds.push(kind))
      await receiver.start()
      await bench.publish('order.events', ['bad', 'worse'], 0)
      await until('a first refusal', () => refused.length > 0)
      for (const value of ['x', 'y', 'z']) {
        await bench.publish('order.events', [value], 1)
        await until(`${value} of the other partition`, () => ledger.valuesOf(1).includes(value))
      }
      await until('a second refusal', () => refused.length > 1)
      expect(refused[1]?.records).toEqual(refused[0]?.records)
      expect(ledger.valuesOf(1)).toEqual(['x', 'y', 'z'])
      expect(ledger.claims).toHaveLength(2)
      expect(receiver.state.partitions[0]?.failure?.message).toBe('no database')
      isBroken = false
      await until('the refused records', () => ledger.valuesOf(0).length === 2)
      expect(ledger.valuesOf(0)).toEqual(['bad', 'worse'])
      expect(kinds.every((kind) => kind === 'take')).toBe(true)
      expect(receiver.state.partitions[0]?.failure).toBeUndefined()
    }))

  it('failure 15: stays a member of its group however long a take lasts', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const ledger = new MemoryLedger()
      // A process that does not get a processor for so long would lose its session by right.
      const sessionTimeoutMs = 3_000
      let isAsleep = false
      let wakeUp = (): void => undefined
      const receiver = bench.receiver({
        topics,
        assign: (one) =>
          Promise.resolve(
            ledger.work(one, async () => {
              isAsleep = true
              await new Promise<void>((resolve) => {
                wakeUp = resolve
              })
            }),
          ),
        tuning: { sessionTimeoutMs, heartbeatIntervalMs: 50 },
      })
      await receiver.start()
      await bench.publish('order.events', ['slow'])
      await until('the take', () => isAsleep)
      const began = Date.now()
      await until('more than a session timeout', () => Date.now() - began > 1.3 * sessionTimeoutMs)
      expect((await bench.group('payment', 'order.events')).members).toBe(1)
      wakeUp()
      await until('the record', () => ledger.records.length === 1)
      expect(ledger.claims).toHaveLength(1)
    }))

  it('shares partitions with a second member: keeps the work of some, releases the others', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 4)
      const ledger = new MemoryLedger()
      const assign = (one: { topic: string; partition: number }): Promise<PartitionWork> =>
        Promise.resolve(ledger.work(one))
      const first = bench.receiver({ topics, assign })
      await first.start()
      expect(ledger.claims).toHaveLength(4)
      for (const partition of [0, 1, 2, 3]) await bench.publish('order.events', [`a${partition}`], partition)
      await until('one of each', () => ledger.records.length === 4)
      const second = bench.receiver({ topics, assign })
      await second.start()
      const countOf = ({ state }: Receiver) => state.partitions.length
      await until(
        'two handed over',
        () => ledger.claims.length === 6 && [first, second].every((one) => countOf(one) === 2),
      )
      expect(ledger.releases).toHaveLength(2)
      expect(ledger.claims.slice(4).toSorted()).toEqual(ledger.releases.toSorted())
      for (const partition of [0, 1, 2, 3]) await bench.publish('order.events', [`b${partition}`], partition)
      await until('one more of each', () => ledger.records.length === 8)
      for (const partition of [0, 1, 2, 3])
        expect(ledger.valuesOf(partition)).toEqual([`a${partition}`, `b${partition}`])
      await second.stop()
      await until('all four again', () => first.state.partitions.length === 4)
    }))

  it('lets the take under way end before it leaves the group, and leaves a hint of its position', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const ledger = new MemoryLedger()
      let isTaking = false
      let finish = (): void => undefined
      let signal: AbortSignal | undefined
      const receiver = bench.receiver({
        topics,
        assign: (one) =>
          Promise.resolve(
            ledger.work(one, async (batch) => {
              isTaking = true
              signal = batch.signal
              await new Promise<void>((resolve) => {
                finish = resolve
              })
            }),
          ),
      })
      await receiver.start()
      await bench.publish('order.events', numbered('a', 3))
      await until('the take', () => isTaking)
      const stopped = receiver.stop()
      expect(receiver.state.phase).toBe('stopping')
      await bench.publish('order.events', ['one fetch later'])
      finish()
      await stopped
      expect(signal?.aborted).toBe(false)
      expect(receiver.state.phase).toBe('stopped')
      expect(ledger.values).toEqual(numbered('a', 3))
      expect(ledger.releases).toHaveLength(1)
      expect(await bench.group('payment', 'order.events')).toEqual({ members: 0, offsets: ['3'] })
    }))

  it('aborts a take that does not end within the grace time', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      let isTaking = false
      const receiver = bench.receiver({
        topics,
        assign: () =>
          Promise.resolve({
            next: undefined,
            take: async ({ signal }) => {
              isTaking = true
              await new Promise<void>((_resolve, reject) => {
                signal.addEventListener('abort', () => reject(new Error('aborted')))
              })
            },
            release: () => Promise.resolve(),
          }),
      })
      await receiver.start()
      await bench.publish('order.events', ['endless'])
      await until('the take', () => isTaking)
      await receiver.stop({ graceMs: 50 })
      expect(receiver.state.phase).toBe('stopped')
    }))

  it('says so when a topic is missing, and reads it once it is there', () =>
    withBroker(async (bench) => {
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
      const started = receiver.start()
      await until('the problem', () => receiver.state.problem !== undefined)
      expect(receiver.state.problem).toContain('order.events')
      await bench.createTopic('order.events')
      await started
      await bench.publish('order.events', ['at last'])
      await until('the record', () => ledger.values.includes('at last'))
    }))

  it('stops while it still tries to join', () =>
    withBroker(async (bench) => {
      const receiver = bench.receiver({ topics, assign: () => Promise.reject(new Error('never')) })
      const started = receiver.start().then(
        () => undefined,
        (error: unknown) => error,
      )
      await until('the problem', () => receiver.state.problem !== undefined)
      await receiver.stop()
      expect(isTroupeError(await started, 'TROUPE_STOPPED')).toBe(true)
    }))
})

describe('a position that Kafka does not have', () => {
  it('stops its partition with both numbers, and no other', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 2)
      const ledger = new MemoryLedger()
      ledger.positions.set('order.events/0', { epoch: 1, next: 7n })
      const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
      const errors: unknown[] = []
      receiver.onFailure(({ error }) => errors.push(error))
      await receiver.start()
      expect(receiver.state.partitions.map(({ phase }) => phase)).toEqual(['halted', 'reading'])
      await bench.publish('order.events', ['unread'], 0)
      await bench.publish('order.events', ['read'], 1)
      await until('the other partition', () => ledger.values.includes('read'))
      expect(ledger.valuesOf(0)).toEqual([])
      expect(isTroupeError(errors[0], 'TROUPE_POSITION_OUT_OF_RANGE')).toBe(true)
      const line = bench.log.lines.find(({ level }) => level === 'error')
      expect(line?.message).toContain('order.events[0] is to be read from 7, but holds only 0 to 0')
    }))

  it('stops its partition when retention went past it, and says how many records are gone', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      await bench.publish('order.events', numbered('a', 10))
      const ledger = new MemoryLedger()
      ledger.positions.set('order.events/0', { epoch: 1, next: 2n })
      await bench.deleteBefore('order.events', 0, '6')
      const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
      await receiver.start()
      expect(receiver.state.partitions[0]?.phase).toBe('halted')
      expect(receiver.state.partitions[0]?.failure?.message).toContain('4 records are gone')
      expect(ledger.records).toEqual([])
    }))
})

describe('records that vanish under way', () => {
  it('stop their partition; kafkajs does not go on elsewhere in silence', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const values = numbered('a', 40).map((value) => value.padEnd(1_000, '.'))
      for (const value of values) await bench.publish('order.events', [value])
      const ledger = new MemoryLedger()
      let isTaking = false
      let goOn = (): void => undefined
      const mayGoOn = new Promise<void>((resolve) => {
        goOn = resolve
      })
      const receiver = bench.receiver({
        topics,
        assign: (one) =>
          Promise.resolve(
            ledger.work(one, () => {
              isTaking = true
              return mayGoOn
            }),
          ),
        tuning: { fetchBytesPerPartitionMax: 2_000 },
      })
      await receiver.start()
      await until(
        'a take, and a full buffer',
        () => isTaking && (receiver.state.partitions[0]?.waiting ?? 0) > 1,
      )
      // All of them, so that no record comes that would betray where kafkajs went.
      await bench.deleteBefore('order.events', 0, '40')
      goOn()
      await until('the halt', () => receiver.state.partitions[0]?.phase === 'halted')
      expect(receiver.state.partitions[0]?.failure?.message).toContain('holds only 40 to 40')
      expect(ledger.values).toEqual(values.slice(0, ledger.values.length))
      expect(ledger.values.length).toBeLessThan(40)
    }))
})

describe('a connection that breaks', () => {
  it('leaves no dead member behind, for which the group would wait', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events')
      const { proxy, address } = await bench.proxy()
      const ledger = new MemoryLedger()
      const receiver = createReceiver({
        connection: bench.connect(address),
        log: bench.log,
        groupId: 'payment',
        topics,
        assign: (one) => Promise.resolve(ledger.work(one)),
        tuning: { sessionTimeoutMs: 60_000 },
      })
      bench.later(() => receiver.stop())
      await receiver.start()
      await proxy.refuse()
      await until('recovering', () => receiver.state.phase === 'recovering')
      await proxy.accept()
      await until('receiving', () => receiver.state.phase === 'receiving')
      expect((await bench.group('payment', 'order.events')).members).toBe(1)
      await bench.publish('order.events', ['back'])
      await until('the record', () => ledger.values.includes('back'))
    }))
})

describe('a broker that goes away', () => {
  it('is joined again when it is back, and nothing is lost or repeated', () =>
    withBroker(
      async (bench) => {
        await bench.createTopic('order.events')
        const ledger = new MemoryLedger()
        const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
        await receiver.start()
        await bench.publish('order.events', numbered('a', 5))
        await until('the first five', () => ledger.records.length === 5)
        await bench.stopBroker()
        await until('the loss to be seen', () =>
          bench.log.lines.some(({ facts }) => JSON.stringify(facts).includes('ECONNREFUSED')),
        )
        await bench.startBroker()
        await bench.publish('order.events', numbered('b', 5))
        await until('five more', () => ledger.records.length === 10)
        expect(ledger.values).toEqual([...numbered('a', 5), ...numbered('b', 5)])
        expect(receiver.state.phase).toBe('receiving')
      },
      { isStopped: true },
    ))

  it('is waited for with its state visible, however often kafkajs gives up', () =>
    withBroker(
      async (bench) => {
        await bench.createTopic('order.events')
        const ledger = new MemoryLedger()
        const receiver = bench.receiver({ topics, assign: (one) => Promise.resolve(ledger.work(one)) })
        await receiver.start()
        await bench.stopBroker()
        await until('recovering', () => receiver.state.phase === 'recovering')
        expect(receiver.state.problem).toContain('ECONNREFUSED')
        expect(receiver.state.partitions).toEqual([])
        expect(ledger.releases).toHaveLength(1)
        await bench.startBroker()
        await bench.publish('order.events', ['back'])
        await until('the record', () => ledger.values.includes('back'))
        expect(ledger.claims).toHaveLength(2)
      },
      { isStopped: true },
    ))
})
