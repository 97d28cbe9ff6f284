import { describe, expect, it } from '@jest/globals'
import { commandLane, type OutgoingRecord } from '@troupe/core'
import { benchFor } from '../kits/bank.test.kit.ts'
import { unreachable, until } from '../kits/fakes.test.kit.ts'
import { createLookout } from './leftovers.ts'
import { createSweeper } from '../service/sweeper.ts'

const left = (id: string): OutgoingRecord => ({
  id,
  lane: commandLane,
  topic: 't',
  key: 'a',
  headers: {},
  value: null,
})

describe('looking after events that nobody publishes', () => {
  it('publishes what is old, in any lane, after what goes before it, and leaves alone what is young', async () => {
    const bench = benchFor()
    const { ledger, relay } = bench
    const unheard = { ...left('of a topic that is heard no more'), lane: 'gone.events/7' }
    let nowMs = 0
    ledger.settings.nowMs = () => nowMs
    ledger.remember({ outbox: [left('first'), unheard, left('stuck')] })
    nowMs = 1
    ledger.remember({ outbox: [{ ...left('young'), key: 'b' }] })
    ledger.settings.pageMax = 1
    const lookout = createLookout(bench, { everyMs: 1, staleAfterMs: 1 })
    lookout.start()
    await until(() => ledger.calls.filter((call) => call === 'unpublished').length > 3)
    lookout.stop()
    expect(relay.sent.map(({ id }) => id)).toEqual(['first', unheard.id, 'stuck'])
  })

  it('does not read what it could not publish, and survives a database that is away', async () => {
    const bench = benchFor()
    bench.relay.close()
    const lookout = createLookout(bench, { everyMs: 1, staleAfterMs: 1 })
    lookout.start()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(bench.ledger.calls).toEqual([])
    bench.ledger.before = () => {
      throw unreachable()
    }
    bench.relay.open()
    await until(() => bench.log.lines.length > 1)
    lookout.stop()
    expect(bench.log.lines.every(({ level }) => level === 'debug')).toBe(true)
  })
})

describe('the sweeper', () => {
  it('sweeps once it has been quiet, again until all is clean, and never after the stop', async () => {
    let sweeps = 0
    const sweeper = createSweeper(async () => ++sweeps >= 3, 1)
    sweeper.touch()
    sweeper.touch()
    await until(() => sweeps === 3)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(sweeps).toBe(3)
    sweeper.stop()
    sweeper.touch()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(sweeps).toBe(3)
  })
})
