import { describe, expect, it } from '@jest/globals'
import { commandLane, type OutgoingRecord } from '@troupe/core'
import { benchFor } from './bank.test.kit.ts'
import { unreachable, until } from './fakes.test.kit.ts'
import { createLookout } from './leftovers.ts'
import { createSweeper } from './sweeper.ts'

const left = (id: string): OutgoingRecord => ({
  id,
  lane: commandLane,
  topic: 't',
  key: 'a',
  headers: {},
  value: null,
})

describe('looking after the events of commands', () => {
  it('publishes what two looks in a row have found, and leaves alone what another instance publishes', async () => {
    const bench = benchFor()
    const { ledger, relay } = bench
    ledger.outbox.set('stuck', left('stuck'))
    let looks = 0
    ledger.before = () => {
      looks += 1
      // Each of these is there at one look only.
      ledger.outbox.delete(`passing ${looks - 1}`)
      ledger.outbox.set(`passing ${looks}`, left(`passing ${looks}`))
    }
    const lookout = createLookout(bench, 1)
    lookout.start()
    await until(() => looks > 5)
    lookout.stop()
    expect(relay.sent.map(({ id }) => id)).toEqual(['stuck'])
  })

  it('does not read what it could not publish, and survives a database that is away', async () => {
    const bench = benchFor()
    bench.relay.close()
    const lookout = createLookout(bench, 1)
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
