import { afterEach, describe, expect, it } from '@jest/globals'
import { commandLane, type OutgoingRecord } from '@troupe/core'
import { type Bench, benchFor } from '../kits/bank.test.kit.ts'
import { deferred, unreachable, until } from '../kits/fakes.test.kit.ts'
import { createFiring, type Firing } from './firing.ts'
import { nothing } from '../batch/settle.ts'

const record = (id: string, key = id): OutgoingRecord => ({
  id,
  lane: commandLane,
  topic: 'bank.events',
  key,
  headers: {},
  value: null,
})

let firing: Firing | undefined
afterEach(() => firing?.stop())

function begin(bench: Bench, change: { readonly everyMs?: number } = {}) {
  const told = { lateMs: [] as number[], pending: [] as number[], overdueMs: 0 }
  firing = createFiring({
    ...bench,
    everyMs: 1,
    countEveryMs: 1,
    onFired: (lateMs) => told.lateMs.push(lateMs),
    onCounted: ({ count, overdueMs }) => {
      told.pending.push(count)
      told.overdueMs = overdueMs
    },
    ...change,
  })
  firing.start()
  return told
}

async function set(bench: Bench, ...records: readonly OutgoingRecord[]): Promise<void> {
  const deadlines = records.map((one) => ({
    saga: 'saga',
    name: one.id,
    set: { due: { afterMs: 0 }, record: one },
  }))
  await bench.ledger.settle({ ...nothing, deadlines, published: [] })
}

describe('firing deadlines', () => {
  it('publishes each that is due once, page after page, and says how late', async () => {
    const bench = benchFor()
    bench.ledger.settings.firedMax = 2
    await set(bench, record('1'), record('2'), record('3'), record('4'), record('5'))
    const told = begin(bench)
    await until(() => bench.relay.sent.length === 5)
    await until(() => told.pending.includes(0))
    expect(bench.relay.sent.map(({ id }) => id).toSorted()).toEqual(['1', '2', '3', '4', '5'])
    expect(told.lateMs).toHaveLength(5)
  })

  it('looks again as soon as the next one is due, not only at the next round', async () => {
    const bench = benchFor()
    let nowMs = 0
    bench.ledger.settings.nowMs = () => nowMs
    const due = { afterMs: 30 }
    const soon = { saga: 'saga', name: 'soon', set: { due, record: record('soon') } }
    await bench.ledger.settle({ ...nothing, deadlines: [soon], published: [] })
    begin(bench, { everyMs: 600_000 })
    await until(() => bench.ledger.calls.includes('fire'))
    nowMs = 30
    await until(() => bench.relay.sent.length === 1)
  })

  it('never overtakes what was said of its key before, whoever said it', async () => {
    const bench = benchFor()
    bench.ledger.remember({ outbox: [record('left by another process', 'a')] })
    await set(bench, record('overdue', 'a'))
    begin(bench)
    await until(() => bench.relay.sent.length === 2)
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['left by another process', 'overdue'])
  })

  it('says once that it cannot, where that is not because the database is away', async () => {
    const bench = benchFor()
    const failures = [unreachable(), new Error('value out of range'), new Error('value out of range')]
    bench.ledger.before = (method) => {
      const failure = method === 'fire' ? failures.shift() : undefined
      if (failure) throw failure
    }
    await set(bench, record('1'))
    begin(bench)
    await until(() => bench.relay.sent.length === 1)
    expect(bench.log.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { message: expect.stringMatching(/could not fire .* value out of range/) },
    ])
  })

  it('publishes what was moved when the answer was lost', async () => {
    const bench = benchFor()
    let isLost = true
    bench.ledger.afterFire = () => {
      if (isLost) throw unreachable()
    }
    await set(bench, record('1'))
    begin(bench)
    await until(() => bench.ledger.tables.outbox.has('1'))
    isLost = false
    await until(() => bench.relay.sent.length === 1)
    expect(bench.log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
  })

  it('fires nothing while Kafka is away, so that an answer may still lift it', async () => {
    const bench = benchFor()
    bench.relay.close()
    await set(bench, record('1'), record('2'))
    const told = begin(bench)
    await until(() => told.pending.length > 2)
    expect(bench.ledger.tables.deadlines.size).toBe(2)
    bench.ledger.settings.nowMs = () => Number.MAX_SAFE_INTEGER
    await until(() => told.overdueMs > 0)
    const lifted = { saga: 'saga', name: '1', set: undefined }
    await bench.ledger.settle({ ...nothing, deadlines: [lifted], published: [] })
    bench.relay.open()
    await until(() => bench.relay.sent.length === 1)
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['2'])
  })

  it('has not stopped while it fires', async () => {
    const bench = benchFor()
    const answer = deferred()
    bench.ledger.before = (method) => (method === 'fire' ? answer.promise : undefined)
    await set(bench, record('1'))
    begin(bench)
    await until(() => bench.ledger.calls.includes('fire'))
    let hasStopped = false
    const stopping = firing?.stop().then(() => (hasStopped = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(hasStopped).toBe(false)
    answer.resolve()
    await stopping
    expect(bench.relay.sent).toHaveLength(1)
  })

  it('asks no more once it is stopped, and has handed over what it had moved', async () => {
    const bench = benchFor()
    await set(bench, record('1'))
    const told = begin(bench)
    await until(() => bench.ledger.calls.includes('fire'))
    await firing?.stop()
    expect(bench.relay.sent).toHaveLength(1)
    const calls = bench.ledger.calls.length
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(bench.ledger.calls).toHaveLength(calls)
    expect(told.lateMs).toHaveLength(1)
  })
})
