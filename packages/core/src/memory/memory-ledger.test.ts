// What only a clock that is given can show: the contract, which every ledger passes, cannot wait for hours.
import { describe, expect, it } from '@jest/globals'
import { commandLane } from '../ports.ts'
import { memoryLedger } from './memory-ledger.ts'

const hourMs = 3_600_000
const place = { topic: 'order.events', partition: 0 }
const record = (id: string) => ({ id, lane: commandLane, topic: 't', key: 'a', headers: {}, value: null })
const entry = (id: string) =>
  ({ source: 'order', id, type: 'OrderReceived', saga: 's', outcome: 'applied' }) as const

function ledgerAt(nowMs = 0) {
  const clock = { nowMs }
  return { clock, ledger: memoryLedger({ nowMs: () => clock.nowMs }) }
}

describe('a ledger in memory', () => {
  it('takes claims for those of owners who died where they come within minutes, and not where hours lie between', () => {
    const { clock, ledger } = ledgerAt()
    ledger.claim(place)
    clock.nowMs += 60_000
    expect(ledger.claim(place).unrest).toEqual({ claims: 2, claimsHere: 2 })
    clock.nowMs += hourMs
    expect(ledger.claim(place).unrest).toBeUndefined()
  })

  it('tells and forgets what is old by its clock, and leaves what is younger', () => {
    const { clock, ledger } = ledgerAt()
    ledger.settle({ inbox: [entry('old')], outbox: [record('old')] })
    clock.nowMs += hourMs
    ledger.settle({ inbox: [entry('young')], outbox: [record('young')] })
    expect(ledger.unpublished({ olderThanMs: hourMs }).found).toEqual(['old'])
    expect(ledger.forget('inbox', hourMs).forgotten).toBe(1)
    const events = [entry('old'), entry('young')]
    const { seen } = ledger.recall({ events, documents: [], steps: [], answers: [] })
    expect(seen).toEqual([{ source: 'order', id: 'young' }])
  })

  it('fires what is due by its clock, page by page, and says how late', () => {
    const clock = { nowMs: 0 }
    const ledger = memoryLedger({ nowMs: () => clock.nowMs, firedMax: 1 })
    const set = (name: string, afterMs: number) => ({
      saga: 's',
      name,
      set: { due: { afterMs }, record: record(name) },
    })
    ledger.settle({ deadlines: [set('second', 20), set('first', 10)] })
    expect(ledger.fire()).toEqual({ records: [], nextMs: 10 })
    clock.nowMs = 25
    expect(ledger.fire()).toEqual({ records: [{ id: 'first', lateMs: 15 }], nextMs: -5 })
    expect(ledger.fire()).toEqual({ records: [{ id: 'second', lateMs: 5 }], nextMs: undefined })
  })
})
