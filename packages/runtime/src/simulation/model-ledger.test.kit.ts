// What the simulation puts around the ledger in memory: its database forgets, and refuses, as real ones do, and
// somebody stands beside it and takes notes.
import { isTroupeError, type Ledger, messageOf } from '@troupe/core'
import type { MemoryTables } from '@troupe/core/memory-ledger'

/** What the database never takes: an event that it chokes on, unless it is set aside. */
export function refusingPoison(ledger: Ledger, isPoison: (id: string) => boolean): Ledger {
  return {
    ...ledger,
    async settle(settlement) {
      const guilty = settlement.inbox.find(({ id, outcome }) => isPoison(id) && outcome !== 'dead-lettered')
      if (guilty) throw new Error(`the database does not take ${guilty.id}`)
      return ledger.settle(settlement)
    },
  }
}

/** Retention: the inbox forgets at once. */
export function forgettingInbox(ledger: Ledger, { inbox }: Pick<MemoryTables, 'inbox'>): Ledger {
  return {
    ...ledger,
    async settle(settlement) {
      const receipt = await ledger.settle(settlement)
      inbox.clear()
      return receipt
    },
  }
}

/** Notes what is refused though nobody was faster: what no ledger takes, however often it is settled. */
export function watchContradictions(ledger: Ledger, contradictions: Set<string>): Ledger {
  return {
    ...ledger,
    async settle(settlement) {
      try {
        return await ledger.settle(settlement)
      } catch (error) {
        if (!isTroupeError(error)) contradictions.add(messageOf(error))
        throw error
      }
    },
  }
}

/** Notes for what keys are parked. */
export function watchBlame(ledger: Ledger, blamedFor: Set<string>): Ledger {
  return {
    ...ledger,
    async settle(settlement) {
      const receipt = await ledger.settle(settlement)
      for (const write of settlement.parking?.keys ?? [])
        if (write.form !== 'follow' && write.next.state !== 'free') blamedFor.add(write.next.failure.code)
      return receipt
    },
  }
}
