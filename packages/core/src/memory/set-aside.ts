// What a ledger in memory sets aside: parked keys, dead letters, and what people did about them.

import type { EventName } from '../event/record.ts'
import type {
  AsideDesk,
  AsideRecord,
  KeyPlace,
  Parking,
  ParkingLedger,
  RecalledKey,
} from '../aside/set-aside.ts'
import type { AtOnce } from './at-once.ts'
import { memoryDeadLetters } from './dead-letters.ts'
import { memoryDesk } from './desk.ts'
import { memoryActions } from './operator-actions.ts'
import type { ParkAgain } from './doubts.ts'
import { addRecords, memoryParkedKeys } from './parked-keys.ts'

/** The inbox beside it. */
export interface InboxBeside {
  /** Forgets an event, if it is there as dead-lettered. */
  forgetDeadLetter(event: EventName): void
  /** Keeps one as dead-lettered, unless it is there. */
  addDeadLetter(event: NonNullable<AsideRecord['event']>): void
}

export interface MemorySetAside extends AtOnce<ParkingLedger>, AtOnce<AsideDesk> {
  recall(keys: readonly KeyPlace[]): readonly RecalledKey[]
  /** Names the keys that are not as a settlement expects them. */
  changed(parking: Parking): readonly string[]
  /** Only what nothing {@link changed} of. */
  write(parking: Parking): void
  /** Parks an event in front of what came after it, due at once; of a key that is held, with the rest. */
  parkAgain: ParkAgain
  /** All keys that are parked, as `topic/partition/key`. */
  names(): readonly string[]
  /** Forgets what may be forgotten of one kind and was done with by then; says how many. */
  forget(what: 'deadLetters' | 'actions', untilMs: number): number
}

export function memorySetAside(nowMs: () => number, inbox: InboxBeside): MemorySetAside {
  let seq = 0n
  const numbers = { nowMs, nextSeq: () => ++seq }
  const keys = memoryParkedKeys(numbers)
  const letters = memoryDeadLetters(numbers)
  const actions = memoryActions(numbers)
  return {
    names: keys.names,
    recall: keys.recall,
    changed: ({ keys: writes }) => keys.changed(writes),
    write(parking) {
      for (const write of parking.keys) keys.write(write)
      for (const letter of parking.deadLetters) letters.write(letter)
    },
    parkAgain({ place, record, event }) {
      const row = keys.rowOf(place)
      addRecords(row, { record, event, redrives: 0 })
      if (row.state === 'held') row.version += 1
      else keys.release(row)
    },
    forget: (what, untilMs) =>
      what === 'actions' ? actions.forget(untilMs) : letters.forget(untilMs, keys.letterIds()),
    dueKeys: keys.dueKeys,
    parkedWork: keys.parkedWork,
    putOffKeys: keys.putOffKeys,
    parkedTotals: keys.parkedTotals,
    parkedSum: keys.parkedSum,
    parkedKeys: keys.parkedKeys,
    parkedRecords: keys.parkedRecords,
    deadLetters: letters.deadLetters,
    deadLetter: letters.deadLetter,
    deadLetterGroups: letters.deadLetterGroups,
    operatorActions: actions.operatorActions,
    ...memoryDesk({ keys, letters, actions, inbox }),
  }
}
