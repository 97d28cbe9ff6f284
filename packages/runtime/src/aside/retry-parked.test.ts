import { afterEach, describe, expect, it } from '@jest/globals'
import { retryPolicyDefault } from '@troupe/core'
import { batchOf, type Bench, benchFor, payments, place, tricks } from '../kits/bank.test.kit.ts'
import { deferred, until } from '../kits/fakes.test.kit.ts'
import { claimPartition, type OpenPartition } from '../batch/partition.ts'

afterEach(() => tricks.clear())

/** More than one page of keys that are parked, and due; `trick` says whether they fail once more. */
const count = 150
async function manyParked() {
  const state = { isMended: false }
  tricks.set('broken', () => {
    if (!state.isMended) throw new Error('could not tell')
  })
  const policyOf = () => ({ ...retryPolicyDefault, attempts: 9, delayMs: 0, jitter: 0 })
  const bench = benchFor({ policyOf })
  const partition = await claimPartition(place, bench)
  const keys = Array.from({ length: count }, (_, n) => ({ account: `k${n}`, trick: 'broken' }))
  await partition.take(batchOf(payments(0, keys)))
  expect(partition.parked.state.keys).toBe(count)
  bench.ledger.calls = []
  return { bench, partition, state }
}

async function retryDue({ ledger }: Bench, partition: OpenPartition) {
  const { keys } = await ledger.dueKeys([place], 1_000)
  ledger.calls = []
  return partition.retry(keys)
}

describe('many keys that are tried again', () => {
  it('let a batch have its turn after a page, whatever is left of them, and their next page is read meanwhile', async () => {
    const { bench, partition, state } = await manyParked()
    state.isMended = true
    const began = deferred()
    const goOn = deferred()
    let settlements = 0
    bench.ledger.before = async (method: string) => {
      if (method !== 'settle' || settlements++ > 0) return
      began.resolve()
      await goOn.promise
    }
    const before = bench.ledger.settled.length
    const retrying = retryDue(bench, partition)
    await began.promise
    await until(() => bench.ledger.calls.filter((call) => call === 'parkedWork').length === 2)
    const taking = partition.take(batchOf(payments(count, [{ account: 'neighbour' }])))
    goOn.resolve()
    await Promise.all([retrying, taking])
    const moved = bench.ledger.settled.slice(before).map(({ position }) => position?.from !== position?.to)
    expect(moved).toEqual([false, true, false])
    expect(await retrying).toEqual({ tried: count, isMore: false })
  })

  it('stand in line for the partition once, however many looks have found some of them', async () => {
    const { bench, partition, state } = await manyParked()
    state.isMended = true
    const goOn = deferred()
    let settlements = 0
    bench.ledger.before = async (method: string) => {
      if (method === 'settle' && settlements++ === 0) await goOn.promise
    }
    const { keys } = await bench.ledger.dueKeys([place], 1_000)
    const before = bench.ledger.settled.length
    const looks = [0, 50, 100].map((start) => partition.retry(keys.slice(start, start + 50)))
    await until(() => settlements === 1)
    await until(() => bench.ledger.calls.filter((call) => call === 'parkedWork').length === 3)
    const taking = partition.take(batchOf(payments(count, [{ account: 'neighbour' }])))
    goOn.resolve()
    await Promise.all([...looks, taking])
    const moved = bench.ledger.settled.slice(before).map(({ position }) => position?.from !== position?.to)
    expect(moved).toEqual([false, true, false, false])
  })

  it('are counted anew only where some of them are gone', async () => {
    const { bench, partition, state } = await manyParked()
    expect(await retryDue(bench, partition)).toEqual({ tried: count, isMore: false })
    expect(bench.ledger.calls).not.toContain('parkedTotals')
    expect(partition.parked.state).toMatchObject({ keys: count, events: count })
    state.isMended = true
    await retryDue(bench, partition)
    expect(bench.ledger.calls).toContain('parkedTotals')
    expect(partition.parked.state).toMatchObject({ keys: 0, events: 0 })
  })

  it('are counted as well where nobody here knew of them: somebody redrove one, and it failed', async () => {
    tricks.set('broken', () => {
      throw new Error('could not tell')
    })
    let attempts = 1
    const bench = benchFor({ policyOf: () => ({ ...retryPolicyDefault, attempts }) })
    const partition = await claimPartition(place, bench)
    await partition.take(batchOf(payments(0, [{ trick: 'broken' }])))
    expect(partition.parked.state.keys).toBe(0)
    attempts = 9
    await bench.ledger.redrive([{ id: 'counter.events/0/0' }], { by: 'ada', reason: 'mended' })
    expect(await retryDue(bench, partition)).toMatchObject({ tried: 1 })
    expect(partition.parked.state).toMatchObject({ keys: 1, events: 1 })
  })

  it('of which none could be tried tell so: nobody looks for more of them at once', async () => {
    const { bench, partition } = await manyParked()
    bench.ledger.before = (method) => {
      if (method === 'settle') throw new RangeError('refused')
    }
    expect(await retryDue(bench, partition)).toEqual({ tried: 0, isMore: false })
    expect(partition.parked.inHand).toBe(0)
  })

  it('tell so as well where a person has touched all of them since they were read', async () => {
    const { bench, partition } = await manyParked()
    const { keys } = await bench.ledger.dueKeys([place], 1_000)
    bench.ledger.before = async (method) => {
      if (method === 'recall') await bench.ledger.retryParked(keys, { by: 'ada', reason: 'mended' })
    }
    expect(await partition.retry(keys)).toEqual({ tried: 0, isMore: false })
  })
})
