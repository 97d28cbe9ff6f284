import { describe, expect, it } from '@jest/globals'
import { commandLane } from '@troupe/core'
import { benchFor } from '../kits/bank.test.kit.ts'
import { unreachable } from '../kits/fakes.test.kit.ts'
import { forgetPublished, sweepOutbox } from './forget.ts'
import { nothing, settle } from './settle.ts'

const record = (id: string) => ({
  id,
  lane: commandLane,
  topic: 'bank.events',
  key: 'a',
  headers: {},
  value: null,
})

describe('sweeping the outbox', () => {
  it('deletes what Kafka has acknowledged, and says that nothing is left', async () => {
    const bench = benchFor()
    await settle({ ...nothing, outbox: [record('one')] }, bench)
    expect(await sweepOutbox(bench, 1_000)).toBe(true)
    expect(bench.ledger.tables.outbox.size).toBe(0)
  })

  it('says that something is left where Kafka acknowledges more while the delete is under way', async () => {
    const bench = benchFor()
    await settle({ ...nothing, outbox: [record('one')] }, bench)
    bench.relay.close()
    // As another partition's write does it.
    bench.ledger.remember({ outbox: [record('two')] })
    bench.relay.push([record('two')])
    bench.ledger.before = () => bench.relay.open()
    expect(await sweepOutbox(bench, 1_000)).toBe(false)
    expect(await sweepOutbox(bench, 1_000)).toBe(true)
    expect(bench.ledger.tables.outbox.size).toBe(0)
  })

  it('gives up on a database that is away, and is done the next time', async () => {
    const bench = benchFor()
    await settle({ ...nothing, outbox: [record('one')] }, bench)
    bench.ledger.before = () => {
      throw unreachable()
    }
    expect(await forgetPublished(bench, 1)).toBe(false)
    bench.ledger.before = () => {}
    expect(await forgetPublished(bench, 1_000)).toBe(true)
    expect(bench.ledger.tables.outbox.size).toBe(0)
  })
})
