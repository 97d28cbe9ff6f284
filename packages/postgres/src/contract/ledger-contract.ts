import type { Ledger } from '@troupe/core'
import { contradictionCases } from './contradiction-cases.ts'
import { deadlineCases } from './deadline-cases.ts'
import { deskCases } from './desk-cases.ts'
import { doubtCases } from './doubt-cases.ts'
import { documentCases } from './document-cases.ts'
import { forgetCases } from './forget-cases.ts'
import { livesCases } from './lives-cases.ts'
import { outboxCases } from './outbox-cases.ts'
import { parkingCases } from './parking-cases.ts'
import { performedCases } from './performed-cases.ts'
import { positionCases } from './position-cases.ts'
import { recallCases } from './recall-cases.ts'
import { schemaCases } from './schema-cases.ts'
import { settleCases } from './settle-cases.ts'

/** Opens another instance on the one store of a test; the store starts empty and not migrated. */
export type OpenLedger = () => Ledger

/** One sentence about every ledger, and how to find out whether it holds: throws if it does not. */
export interface LedgerCase {
  readonly title: string
  readonly holds: (open: OpenLedger) => Promise<void>
}

/** The two functions that Jest, Vitest and `node:test` have alike. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => void
  readonly it: (title: string, body: () => Promise<void>) => void
}

/**
 * What any implementation of core's `Ledger` must pass.
 *
 * @param makeStore a new, empty store for each case; the ledgers opened on it are closed here
 */
export function ledgerContract(
  name: string,
  makeStore: () => Promise<OpenLedger>,
  { describe, it }: TestRunner,
): void {
  describe(`${name} as a ledger`, () => {
    for (const { title, holds } of ledgerCases) it(title, () => inStore(makeStore, holds))
  })
}

export const ledgerCases: readonly LedgerCase[] = [
  ...positionCases,
  ...settleCases,
  ...contradictionCases,
  ...documentCases,
  ...recallCases,
  ...outboxCases,
  ...performedCases,
  ...deadlineCases,
  ...forgetCases,
  ...schemaCases,
  ...parkingCases,
  ...deskCases,
  ...livesCases,
  ...doubtCases,
]

async function inStore(makeStore: () => Promise<OpenLedger>, holds: LedgerCase['holds']): Promise<void> {
  const openStore = await makeStore()
  const opened: Ledger[] = []
  try {
    await holds(() => {
      const ledger = openStore()
      opened.push(ledger)
      return ledger
    })
  } finally {
    await Promise.all(opened.map((ledger) => ledger.close()))
  }
}
