// What became of each deadline of the bank, by the database's clock, as somebody sees it who stands beside the database.
import type { FakeLedger } from '../fakes.test.kit.ts'
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
    for (const { saga, set } of settlement.deadlines) {
      const known = seen.get(saga)
      if (!set && known) known.liftedMs ??= time.nowMs
      // Set and lifted by one batch: it was never there.
      else if (!set) seen.set(saga, { dueMs: Infinity, liftedMs: time.nowMs, firedMs: [] })
      else if (!known) seen.set(saga, { dueMs: time.nowMs + loanMs, firedMs: [] })
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
