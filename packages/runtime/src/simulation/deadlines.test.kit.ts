// What became of each deadline of the bank, by the database's clock, as somebody sees it who stands beside the database.
import type { FakeLedger } from '../kits/fakes.test.kit.ts'
import { loanMs } from './company.test.kit.ts'
import type { World } from './world.test.kit.ts'

export interface WatchedDeadline {
  /** By the declaration, from the commit that set it. */
  readonly dueMs: number
  liftedMs?: number
  readonly firedMs: number[]
}

/** The wall clock of the database, which nobody sets. */
const databaseBeganMs = 1_600_000_000_000

/** Gives the ledger the world's time, and keeps what becomes of deadlines, by saga. */
export function watchDeadlines(
  ledger: FakeLedger,
  { time }: World,
  seen: Map<string, WatchedDeadline>,
): void {
  const { settle, fire } = ledger
  ledger.nowMs = () => databaseBeganMs + time.nowMs
  ledger.settle = async (settlement) => {
    const receipt = await settle(settlement)
    // By what was heard, not by what was written of it: that is what is looked at here.
    for (const { saga, type, outcome } of settlement.inbox) {
      if (outcome !== 'applied') continue
      if (type === 'LoanAsked' && !seen.has(saga)) seen.set(saga, { dueMs: time.nowMs + loanMs, firedMs: [] })
      const known = seen.get(saga)
      if (type === 'LoanRepaid' && known) known.liftedMs ??= time.nowMs
    }
    return receipt
  }
  ledger.fire = async () => {
    const sagas = new Map(
      [...ledger.deadlines.values()].map(({ record }) => [
        record.id,
        String(record.headers['ce_correlationid']),
      ]),
    )
    const fired = await fire()
    for (const { id } of fired.records) seen.get(sagas.get(id) ?? '')?.firedMs.push(time.nowMs)
    return fired
  }
}
