// What became of each deadline of the bank, by the database's clock, as somebody sees it who stands beside the database.
import type { Ledger } from '@troupe/core'
import type { MemoryTables } from '@troupe/core/memory-ledger'
import { loanMs } from './company.test.kit.ts'
import type { World } from './world.test.kit.ts'

export interface WatchedDeadline {
  /** By the declaration, from the commit that set it. */
  readonly dueMs: number
  liftedMs?: number
  readonly firedMs: number[]
}

/** The ledger, which keeps what becomes of deadlines, by saga. */
export function watchDeadlines(
  ledger: Ledger,
  { deadlines }: Pick<MemoryTables, 'deadlines'>,
  { time }: World,
  seen: Map<string, WatchedDeadline>,
): Ledger {
  return {
    ...ledger,
    async settle(settlement) {
      const receipt = await ledger.settle(settlement)
      // By what was heard, not by what was written of it: that is what is looked at here.
      for (const { saga, type, outcome } of settlement.inbox) {
        if (outcome !== 'applied') continue
        if (type === 'LoanAsked' && !seen.has(saga))
          seen.set(saga, { dueMs: time.nowMs + loanMs, firedMs: [] })
        const known = seen.get(saga)
        if (type === 'LoanRepaid' && known) known.liftedMs ??= time.nowMs
      }
      return receipt
    },
    async fire() {
      const sagas = new Map([...deadlines.values()].map(({ saga, record }) => [record.id, saga]))
      const fired = await ledger.fire()
      for (const { id } of fired.records) seen.get(sagas.get(id) ?? '')?.firedMs.push(time.nowMs)
      return fired
    },
  }
}
