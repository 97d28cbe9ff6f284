import type { ParkedKeyWrite, Parking } from '@troupe/core'
import { type Call, callOf, type Statement } from '../wire/statement.ts'
import { followKeys } from './follow-keys.ts'
import { freeKeys } from './free-keys.ts'
import { insertDeadLetters } from './insert-dead-letters.ts'
import { insertParkedEvents } from './insert-parked-events.ts'
import { parkKeys } from './park-keys.ts'
import { retryKeys } from './retry-keys.ts'

/** The statements of what settlements set aside, in the order in which they must run; none where there is nothing. */
export function parkCalls(parking: readonly (Parking | undefined)[], schema: string): readonly Call[] {
  const calls: Call[] = []
  const add = <Row>(statement: Statement<readonly Row[], undefined>, rows: readonly Row[]) => {
    if (rows.length > 0) calls.push(callOf(statement, schema, rows))
  }
  const keys = parking.flatMap((one) => one?.keys ?? [])
  if (keys.length > 0) {
    add(parkKeys, keys.filter(isForm('park')))
    add(followKeys, keys.filter(isForm('follow')))
    const retried = keys.filter(isForm('retry'))
    add(retryKeys, retried)
    add(
      insertParkedEvents,
      keys.flatMap((place) =>
        place.form === 'retry' ? [] : place.records.map((one) => ({ ...one, place })),
      ),
    )
    // What failed again is there still.
    add(
      freeKeys,
      retried.filter(({ next }) => next.state === 'free'),
    )
  }
  add(
    insertDeadLetters,
    parking.flatMap((one) => one?.deadLetters ?? []),
  )
  return calls
}

function isForm<Form extends ParkedKeyWrite['form']>(form: Form) {
  return (write: ParkedKeyWrite): write is ParkedKeyWrite & { readonly form: Form } => write.form === form
}

/** How many rows it carries, about. */
export function rowsAside(parking: Parking | undefined): number {
  if (!parking) return 0
  const records = parking.keys.map((one) => (one.form === 'retry' ? one.done : one.records).length + 1)
  return records.reduce((all, count) => all + count, parking.deadLetters.length)
}
