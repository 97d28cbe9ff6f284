// What people do about what is set aside: each deed at once and as a whole, with a note of who did it and why.

import { deadLetterIdOf } from '../aside/dead-letter.ts'
import { headerNames } from '../event/envelope.ts'
import type { Failure } from '../aside/failure.ts'
import type { RawRecord } from '../event/record.ts'
import {
  type AsideDesk,
  type MendedValue,
  type OperatorAction,
  redrivenFromHeader,
} from '../aside/set-aside.ts'
import type { AtOnce } from './at-once.ts'
import type { MemoryDeadLetters } from './dead-letters.ts'
import type { MemoryActions } from './operator-actions.ts'
import { addRecords, type MemoryParkedKeys, parkedName, type ParkedRow } from './parked-keys.ts'
import type { InboxBeside } from './set-aside.ts'

interface Beside {
  readonly keys: MemoryParkedKeys
  readonly letters: MemoryDeadLetters
  readonly actions: MemoryActions
  readonly inbox: InboxBeside
}

type Deeds = AtOnce<Pick<AsideDesk, 'retryParked' | 'discardParked' | 'redrive' | 'discardDeadLetters'>>

export function memoryDesk({ keys, letters, actions, inbox }: Beside): Deeds {
  const isOpen = (id: string) => letters.deadLetter(id)?.state === 'open'

  /** @returns how many events are given up */
  function discard(row: ParkedRow, what: 'head' | 'all', action: OperatorAction): number {
    const { deadLetter, failure, attempts, firstFailedAtMs } = row
    const isHeld = row.state === 'held'
    const isHeadOpen = isHeld && deadLetter !== undefined && isOpen(deadLetter)
    if (isHeadOpen) letters.close(deadLetter, 'discarded')
    const gone = row.records.splice(0, what === 'all' ? row.records.length : isHeld ? 0 : 1)
    for (const [nth, { record, event }] of gone.entries()) {
      const id = deadLetterIdOf(record)
      const hasFailed = nth === 0 && !isHeld
      const given = { id, key: row.key, record, event }
      letters.write(
        hasFailed && failure
          ? { ...given, failure, attempts, firstFailedAtMs }
          : {
              ...given,
              failure: givenUp(action),
              attempts: hasFailed ? attempts : 0,
              firstFailedAtMs: undefined,
            },
      )
      letters.close(id, 'discarded')
      if (event) inbox.addDeadLetter(event)
    }
    keys.release(row)
    keys.freeIfEmpty(row)
    return gone.length + (isHeadOpen ? 1 : 0)
  }

  return {
    retryParked(places, action) {
      const rows = keys.rows(places)
      for (const row of rows) {
        if (row.state === 'held') keys.release(row)
        else keys.hasten(row)
        keys.freeIfEmpty(row)
      }
      actions.note('retry parked', action, rows.map(parkedName))
      return rows.length
    },
    discardParked(places, what, action) {
      const rows = keys.rows(places)
      const count = rows.reduce((all, row) => all + discard(row, what, action), 0)
      actions.note('discard parked', action, rows.map(parkedName), count)
      return count
    },
    redrive(asked, action) {
      const ids: string[] = []
      for (const { id, mended } of asked) {
        const before = letters.deadLetter(id)
        if (!before || before.state === 'redriven') continue
        const letter = letters.close(id, 'redriven') ?? before
        ids.push(id)
        const row = keys.rowOf(letter)
        const record = mended ? withMended(letter.record, id, mended) : letter.record
        addRecords(row, { record, event: letter.event, redrives: letter.redrives })
        // One that is held for another dead letter waits for that, with what is redriven.
        if (row.state === 'held' && !asked.some((one) => one.id === row.deadLetter)) row.version += 1
        else keys.release(row)
        if (letter.event) inbox.forgetDeadLetter(letter.event)
      }
      actions.note('redrive', action, ids)
      return ids
    },
    discardDeadLetters(ids, action) {
      const gone = ids.filter(isOpen)
      for (const id of gone) {
        letters.close(id, 'discarded')
        for (const row of keys.rows()) if (row.deadLetter === id) keys.release(row)
      }
      actions.note('discard dead letters', action, gone)
      return gone
    },
  }
}

/** Why an event is a dead letter that never failed. */
function givenUp({ reason }: OperatorAction): Failure {
  return {
    reaction: undefined,
    code: 'TROUPE_STOPPED',
    message: reason,
    stack: undefined,
    group: 'discarded',
  }
}

function withMended(record: RawRecord, id: string, { value, schemaName }: MendedValue): RawRecord {
  const headers = { ...record.headers, [redrivenFromHeader]: id, [headerNames.dataSchema]: schemaName }
  return { ...record, value, headers }
}
