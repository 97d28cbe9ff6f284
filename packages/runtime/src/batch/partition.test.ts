import { describe, expect, it } from '@jest/globals'
import { deadLetterHeaders, TroupeError } from '@troupe/core'
import {
  bank,
  batchOf,
  type Bench,
  benchFor,
  Booked,
  jsonCodec,
  PaidIn,
  payments,
  place,
  recordOf,
  tricks,
} from '../kits/bank.test.kit.ts'
import { unreachable, until } from '../kits/fakes.test.kit.ts'
import { claimPartition } from './partition.ts'

tricks.set('throw', () => {
  throw new Error('could not tell')
})
tricks.set('throw undefined', () => {
  throw undefined
})
tricks.set('throw a string', () => {
  // oxlint-disable-next-line typescript/only-throw-error -- handlers do
  throw 'just a string'
})

const bookedIn = ({ ledger }: Bench, key = 'a') =>
  (ledger.tables.documents.get(`account/${key}`)?.state as { booked?: number[] } | undefined)?.booked ?? []
const nextOf = ({ ledger }: Bench) => ledger.tables.positions.get(`${place.topic}/0`)?.next
const deadLettersOf = ({ ledger }: Bench) =>
  ledger.settled.flatMap(({ outbox }) => outbox.filter(({ topic }) => topic === bank.deadLetterTopic))

describe('a claimed partition', () => {
  it('settles a batch with one read and one write, and moves on', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    bench.ledger.calls = []
    await partition.take(batchOf(payments(0, [{}, {}, {}])))
    expect(bench.ledger.calls).toEqual(['recall', 'settle'])
    expect(bookedIn(bench)).toEqual([0, 1, 2])
    expect(nextOf(bench)).toBe(3n)
    expect(bench.relay.sent.map(({ key }) => key)).toEqual(['a', 'a', 'a'])
  })

  it('failure 7: skips what was settled before, when a batch comes again', async () => {
    const bench = benchFor({ batchEventsMax: 2 })
    const partition = await claimPartition(place, bench)
    const foreign = {
      ...recordOf(PaidIn, { account: 'a', cents: 9 }, { offset: 1 }),
      value: Buffer.from('?'),
    }
    const [first, , ...rest] = payments(0, [{}, {}, {}, {}])
    const batch = batchOf([first!, foreign, ...rest])
    let settles = 0
    bench.ledger.before = (method) => {
      if (method === 'settle' && ++settles === 2)
        throw new TroupeError('TROUPE_REACTION_FAILED', 'Not today.')
      if (method === 'settle' && settles < 6 && settles > 2) throw new TroupeError('TROUPE_CONFLICT', 'Busy.')
    }
    await partition.take(batch)
    const before = bench.ledger.settled.length
    await partition.take(batch)
    expect(bookedIn(bench)).toEqual([0, 2, 3])
    expect(deadLettersOf(bench)).toHaveLength(1)
    expect(bench.ledger.settled).toHaveLength(before)
    expect(nextOf(bench)).toBe(4n)
  })

  it('failure 1: goes on behind the chunk that was settled, when a batch fails half-way', async () => {
    const bench = benchFor({ batchEventsMax: 2 })
    const partition = await claimPartition(place, bench)
    const foreign = {
      ...recordOf(PaidIn, { account: 'a', cents: 9 }, { offset: 0 }),
      value: Buffer.from('?'),
    }
    const batch = batchOf([foreign, ...payments(1, [{}, {}, {}])])
    const lost = new AbortController()
    let recalls = 0
    bench.ledger.before = (method) => {
      if (method === 'recall' && ++recalls === 2) lost.abort()
    }
    await expect(partition.take({ ...batch, signal: lost.signal })).rejects.toMatchObject({
      code: 'TROUPE_STOPPED',
    })
    await partition.take(batch)
    expect(bookedIn(bench)).toEqual([1, 2, 3])
    expect(deadLettersOf(bench)).toHaveLength(1)
    const positions = bench.ledger.settled.map(({ position }) => position?.to)
    expect(positions).toEqual([2n, 4n])
  })

  it('failure 8: takes one event for one effect, whatever offsets it stands at', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{ id: 'same' }, { id: 'same' }])))
    await partition.take(batchOf(payments(2, [{ id: 'same' }])))
    expect(bookedIn(bench)).toEqual([0])
    expect(nextOf(bench)).toBe(3n)
  })

  it('dead-letters exactly the poison of a batch of 500, and applies everything else in order', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    const poison = new Map([
      [7, 'throw'],
      [250, 'throw undefined'],
      [499, 'throw a string'],
    ])
    const all = Array.from({ length: 500 }, (_, n) => {
      const trick = poison.get(n)
      return trick === undefined ? {} : { trick }
    })
    await partition.take(batchOf(payments(0, all)))
    expect(bookedIn(bench)).toEqual(Array.from({ length: 500 }, (_, n) => n).filter((n) => !poison.has(n)))
    const letters = deadLettersOf(bench).map(({ headers }) => [
      headers[deadLetterHeaders.offset],
      headers[deadLetterHeaders.message],
    ])
    expect(letters).toEqual([
      ['7', 'could not tell'],
      ['250', 'undefined'],
      ['499', 'just a string'],
    ])
    expect(bench.ledger.settled).toHaveLength(1)
    expect(nextOf(bench)).toBe(500n)
  })

  it('finds the event that the database refuses by halving, and dead-letters that one alone', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    bench.ledger.before = (method, settlement) => {
      const isRefused = settlement?.outbox.some(
        ({ topic, value }) =>
          topic === Booked.topic &&
          Buffer.from(value ?? [])
            .toString()
            .includes('"cents":13'),
      )
      if (method === 'settle' && isRefused) throw new Error('value out of range')
    }
    const all = Array.from({ length: 20 }, () => ({}))
    await partition.take(batchOf(payments(0, all)))
    expect(bookedIn(bench)).toEqual(Array.from({ length: 20 }, (_, n) => n).filter((n) => n !== 13))
    expect(deadLettersOf(bench).map(({ headers }) => headers[deadLetterHeaders.message])).toEqual([
      'value out of range',
    ])
    expect(nextOf(bench)).toBe(20n)
    const moves = bench.ledger.settled.flatMap(({ position }) => (position ? [position] : []))
    expect(moves.every(({ from, to }) => (from ?? -1n) < (to ?? -1n))).toBe(true)
  })

  it('waits for a database that is away, without a dead letter', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    let failures = 3
    bench.ledger.before = () => {
      if (failures-- > 0) throw unreachable()
    }
    await partition.take(batchOf(payments(0, [{}, {}])))
    expect(bookedIn(bench)).toEqual([0, 1])
    expect(deadLettersOf(bench)).toEqual([])
  })

  it('writes nothing for events that nobody here hears, and keeps the position a while later', async () => {
    const bench = benchFor({ passedKeptAfterMs: 1 })
    const partition = await claimPartition(place, bench)
    const unheard = [0, 1, 2].map((offset) => recordOf(Booked, { account: 'a', cents: 1 }, { offset }))
    bench.ledger.calls = []
    await partition.take(batchOf(unheard))
    expect(bench.ledger.calls).toEqual([])
    await until(() => nextOf(bench) === 3n)
    await partition.take(batchOf(payments(3, [{}])))
    expect(bookedIn(bench)).toEqual([3])
    expect(nextOf(bench)).toBe(4n)
  })

  it('keeps the position past unheard events once the database takes it, although nothing else comes', async () => {
    const bench = benchFor({ passedKeptAfterMs: 1 })
    const partition = await claimPartition(place, bench)
    let refusals = 0
    bench.ledger.before = (method) => {
      if (method === 'settle' && refusals++ < 2) throw new TroupeError('TROUPE_CONFLICT', 'deadlock detected')
    }
    await partition.take(batchOf([recordOf(Booked, { account: 'a', cents: 1 }, { offset: 0 })]))
    await until(() => nextOf(bench) === 1n)
    expect(refusals).toBe(3)
  })

  it('passes over a stretch without records, and over gaps', async () => {
    const bench = benchFor()
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf([], { from: 0n, to: 10n }))
    await partition.take(batchOf(payments(12, [{}]), { from: 10n, to: 20n }))
    expect(nextOf(bench)).toBe(20n)
  })

  it('tells how far it is, and when it is let go of', async () => {
    const told: unknown[] = []
    const bench = benchFor({ onReached: (next) => told.push(next), onReleased: () => told.push('released') })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{}])))
    await partition.release()
    expect(told).toEqual([undefined, 1n, 'released'])
  })

  it('holds back the next batch while Kafka takes nothing, but neither a loss nor a stop', async () => {
    const stopping = new AbortController()
    for (const end of ['open', 'lost', 'stopping'] as const) {
      const bench = benchFor({ stopping: stopping.signal })
      const partition = await claimPartition(place, bench)
      bench.relay.close()
      const lost = new AbortController()
      let isDone = false
      const taking = partition
        .take(batchOf(payments(0, [{}]), { signal: lost.signal }))
        .then(() => void (isDone = true))
      await until(() => bench.ledger.settled.length === 1)
      expect(isDone).toBe(false)
      if (end === 'open') bench.relay.open()
      if (end === 'lost') lost.abort()
      if (end === 'stopping') stopping.abort()
      await taking
    }
  })
})

describe('what cannot be read', () => {
  it('waits for the registry where that may help, and says that it is the registry', async () => {
    let isAway = true
    const bench = benchFor({
      codec: {
        ...jsonCodec,
        decode(type, bytes) {
          if (isAway) throw new TroupeError('TROUPE_REGISTRY_UNREACHABLE', 'The registry is away.')
          return jsonCodec.decode(type, bytes)
        },
      },
    })
    const partition = await claimPartition(place, bench)
    const taking = partition.take(batchOf(payments(0, [{}])))
    await until(() => bench.dependencies.states().registry.state === 'down')
    isAway = false
    await taking
    expect(bench.dependencies.states().registry.state).toBe('up')
    expect(bookedIn(bench)).toEqual([0])
  })

  it('does not take a decoder that has its schemas for a registry that answers', async () => {
    const bench = benchFor()
    bench.dependencies.report('registry', new Error('away'))
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{}])))
    expect(bench.dependencies.states().registry.state).toBe('down')
  })
})
