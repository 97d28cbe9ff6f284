import { afterEach, describe, expect, it } from '@jest/globals'
import { retryPolicyDefault, TroupeError } from '@troupe/core'
import { batchOf, type Bench, benchFor, jsonCodec, payments, place, tricks } from '../kits/bank.test.kit.ts'
import { deferred, keepingLog, until } from '../kits/fakes.test.kit.ts'
import { claimPartition, type OpenPartition } from '../batch/partition.ts'
import { createSparingLog } from '../observe/sparing-log.ts'
import { inHandMax } from './parked.ts'
import { createRetryLoop } from './retry-loop.ts'

afterEach(() => tricks.clear())

/** More than one page of keys that are parked, and due; `trick` says whether they fail once more. */
const count = 150
async function manyParked(keys = count) {
  const state = { isMended: false }
  tricks.set('broken', () => {
    if (!state.isMended) throw new Error('could not tell')
  })
  const policyOf = () => ({ ...retryPolicyDefault, attempts: 9, delayMs: 0, jitter: 0 })
  const bench = benchFor({ policyOf })
  const partition = await claimPartition(place, bench)
  const all = Array.from({ length: keys }, (_, n) => ({ account: `k${n}`, trick: 'broken' }))
  await partition.take(batchOf(payments(0, all)))
  expect(partition.parked.state.keys).toBe(keys)
  bench.ledger.calls = []
  return { bench, partition, state }
}

/** A codec that reads nothing of these accounts for now. */
function codecWithout(isMissing: (account: string) => boolean) {
  const state = { asked: 0, answer: Promise.resolve() }
  const codec: typeof jsonCodec = {
    ...jsonCodec,
    decode(type, bytes) {
      const data = jsonCodec.decode(type, bytes) as { readonly account: string }
      if (!isMissing(data.account)) return data as never
      state.asked += 1
      const awaited = new TroupeError('TROUPE_SCHEMA_AWAITED', 'The registry has no schema 7.')
      return state.answer.then(() => {
        throw awaited
      })
    },
  }
  return { codec, state }
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

  it('let those that are due after them have their turn, however many wait for a schema that is not there', async () => {
    const { bench, partition, state } = await manyParked(inHandMax + count)
    const log = keepingLog()
    let nowMs = bench.ledger.settings.nowMs()
    bench.ledger.settings.nowMs = () => nowMs
    const missing = codecWithout((account) => account !== `k${inHandMax + count - 1}`)
    const newer = await claimPartition(place, {
      ...bench,
      codec: missing.codec,
      sparingLog: createSparingLog(log),
    })
    state.isMended = true
    const partitions = new Map([[`${place.topic}/${place.partition}`, { ...place, open: newer }]])
    const loop = createRetryLoop({ ...bench, partitions, random: () => 0, everyMs: 1, restMs: 1 })
    loop.start()
    await until(() => bench.ledger.parkedNow().length < inHandMax + count)
    expect(bench.ledger.tables.documents.has(`account/k${inHandMax + count - 1}`)).toBe(true)

    // Nobody looks at them again and again, and somebody says so.
    await until(async () => (await bench.ledger.dueKeys([place], 1_000)).keys.length === 0)
    await until(() => newer.parked.inHand === 0)
    expect(missing.state.asked).toBe(inHandMax + count - 1)
    expect(
      log.lines.some(({ message }) => /100 keys cannot be read yet.*30 s.*no schema 7/.test(message)),
    ).toBe(true)

    // Their schema turns up.
    missing.state.answer = Promise.resolve()
    nowMs += 30_000
    const late = await claimPartition(place, bench)
    partitions.set(`${place.topic}/${place.partition}`, { ...place, open: late })
    await until(() => bench.ledger.parkedNow().length === 0)
    await loop.stop()
    expect(partition.fenced.aborted).toBe(false)
  })

  it('ask the registry all at once, so that a page waits no longer than one of them where it gives no answer', async () => {
    const { bench, state } = await manyParked()
    const missing = codecWithout(() => true)
    const { promise, resolve } = deferred()
    missing.state.answer = promise
    const newer = await claimPartition(place, { ...bench, codec: missing.codec })
    state.isMended = true
    const retrying = retryDue(bench, newer)
    await until(() => missing.state.asked === 100)
    resolve()
    expect(await retrying).toEqual({ tried: count, isMore: false })
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
