import { describe, expect, it } from '@jest/globals'
import { commandLane } from '@troupe/core'
import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  batchOf,
  type Bench,
  benchFor,
  Booked,
  PaidIn,
  payments,
  place,
  recordOf,
} from '../kits/bank.test.kit.ts'
import { deferred, until } from '../kits/fakes.test.kit.ts'
import { claimPartition } from './partition.ts'

const bookedIn = ({ ledger }: Bench, key = 'a') =>
  (ledger.tables.documents.get(`account/${key}`)?.state as { booked?: number[] } | undefined)?.booked ?? []
const nextOf = ({ ledger }: Bench) => ledger.tables.positions.get(`${place.topic}/0`)?.next

describe('letting go of a partition', () => {
  it('waits for the batch under way, keeps the position and leaves no published record behind', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    const held = deferred()
    bench.ledger.before = (method) => (method === 'recall' ? held.promise : undefined)
    const unheard = recordOf(Booked, { account: 'a', cents: 1 }, { offset: 1 })
    const taking = partition.take(batchOf([...payments(0, [{}]), unheard]))
    await until(() => bench.ledger.calls.includes('recall'))
    let isReleased = false
    const releasing = partition.release().then(() => void (isReleased = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(isReleased).toBe(false)
    held.resolve()
    await Promise.all([taking, releasing])
    expect(nextOf(bench)).toBe(2n)
    expect(bench.ledger.tables.outbox.size).toBe(0)
  })

  it('waits a moment for Kafka, so that the next owner finds nothing to publish a second time', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    const lost = new AbortController()
    bench.relay.close()
    const taking = partition.take(batchOf(payments(0, [{}]), { signal: lost.signal }))
    await until(() => bench.ledger.settled.length === 1)
    lost.abort()
    await taking
    const releasing = partition.release()
    setTimeout(() => bench.relay.open(), 20)
    await releasing
    expect(bench.ledger.tables.outbox.size).toBe(0)
  })

  it('keeps the position of the chunk that was settled, when the next one was not', async () => {
    const bench = benchFor({ batchEventsMax: 2 })
    const partition = await claimPartition(place, bench)
    const lost = new AbortController()
    let recalls = 0
    bench.ledger.before = (method) => {
      if (method === 'recall' && ++recalls === 2) lost.abort()
    }
    await partition.take(batchOf([], { from: 0n, to: 1n }))
    const taking = partition.take(batchOf(payments(1, [{}, {}, {}]), { signal: lost.signal }))
    await expect(taking).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    await partition.release()
    expect(nextOf(bench)).toBe(3n)
  })

  it('refuses what comes afterwards, and a second release does nothing', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    await partition.release()
    await partition.release()
    await expect(partition.take(batchOf(payments(0, [{}])))).rejects.toMatchObject({ code: 'TROUPE_FENCED' })
    expect(bench.ledger.settled).toEqual([])
  })

  it('writes nothing when somebody else has claimed it', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf([], { from: 0n, to: 10n }))
    await bench.ledger.claim(place)
    await partition.release()
    expect(nextOf(bench)).toBeUndefined()
  })

  it('ends in bounded time although database and Kafka are away', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf([], { from: 0n, to: 10n }))
    bench.ledger.before = () => new Promise(() => {})
    bench.relay.close()
    bench.relay.push([{ id: 'x', lane: 'l', topic: 't', key: null, headers: {}, value: null }])
    setTimeout(() => bench.callOff.abort(), 20)
    await partition.release()
  })

  it('fences the earlier claim of the same process, whose work then has no effect', async () => {
    const bench = benchFor()
    const old = await claimPartition(place, bench)
    await old.take(batchOf(payments(0, [{}])))
    const young = await claimPartition(place, bench)
    await expect(old.take(batchOf(payments(1, [{}])))).rejects.toMatchObject({ code: 'TROUPE_FENCED' })
    await young.take(batchOf(payments(1, [{}])))
    await old.release()
    await young.take(batchOf(payments(2, [{}])))
    expect(bookedIn(bench)).toEqual([0, 1, 2])
  })
})

describe('claiming a partition', () => {
  it('publishes what a crash left in the outbox before it returns, commands too, and nothing twice', async () => {
    const bench = benchFor()
    const left = (id: string, lane: string) => ({
      id,
      lane,
      topic: 'bank.events',
      key: 'a',
      headers: {},
      value: null,
    })
    bench.ledger.remember({
      outbox: [
        left('lane-1', 'counter.events/0'),
        left('lane-2', 'counter.events/0'),
        { ...left('other', 'counter.events/1'), key: 'b' },
        left('command', commandLane),
      ],
    })
    bench.relay.close()
    bench.relay.push([left('lane-2', 'counter.events/0')])
    let isClaimed = false
    const claiming = claimPartition(place, bench).then(() => void (isClaimed = true))
    await until(() => bench.relay.holds('lane-1'))
    expect(isClaimed).toBe(false)
    bench.relay.open()
    await claiming
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['lane-2', 'lane-1', 'command'])
  })

  it('gives up when the service is called off, though Kafka takes nothing', async () => {
    const bench = benchFor()
    bench.relay.close()
    bench.ledger.remember({
      outbox: [
        {
          id: 'x',
          lane: commandLane,
          topic: 't',
          key: null,
          headers: {},
          value: null,
        },
      ],
    })
    const claiming = claimPartition(place, bench)
    await until(() => bench.relay.holds('x'))
    bench.callOff.abort()
    await expect(claiming).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
  })
})

describe('a long life', () => {
  it('gathers neither listeners nor warnings nor log lines over thousands of batches', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => void warnings.push(warning)
    process.on('warning', onWarning)
    const bench = benchFor()
    const lost = new AbortController()
    const partitions = await Promise.all(
      Array.from({ length: 20 }, (_, partition) => claimPartition({ ...place, partition }, bench)),
    )
    for (let offset = 0; offset < 150; offset++) {
      await Promise.all(
        partitions.map((one, partition) => {
          const paid = recordOf(PaidIn, { account: `a${partition}`, cents: 1 }, { offset, partition })
          return one.take(batchOf([paid], { partition, signal: lost.signal }))
        }),
      )
    }
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    expect(getEventListeners(lost.signal, 'abort')).toHaveLength(0)
    expect(getEventListeners(bench.signal, 'abort')).toHaveLength(0)
    expect(bench.log.lines.filter(({ level }) => level !== 'debug')).toEqual([])
  })

  it('gathers no memory over 50,000 events', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    let heapAtFirstBytes = 0
    for (let batch = 0; batch < 100; batch++) {
      const all = Array.from({ length: 500 }, (_, n) => ({ account: `a${n}` }))
      await partition.take(batchOf(payments(batch * 500, all)))
      // What is left is what the runtime itself holds on to.
      bench.ledger.settled.length = 0
      bench.ledger.tables.inbox.clear()
      bench.ledger.tables.documents.clear()
      bench.ledger.calls.length = 0
      bench.relay.sent.length = 0
      if (batch === 20) heapAtFirstBytes = heapBytes()
    }
    expect(heapBytes() - heapAtFirstBytes).toBeLessThan(3_000_000)
    expect(nextOf(bench)).toBe(50_000n)
  })
})

function heapBytes(): number {
  setFlagsFromString('--expose_gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
