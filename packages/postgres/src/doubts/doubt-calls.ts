import type { DoubtWrites } from '@troupe/core'
import { type Call, callOf, type Statement } from '../wire/statement.ts'
import { keepUndos } from './keep-undos.ts'
import { markCalled } from './mark-called.ts'
import { parkUndos } from './park-undos.ts'
import { settleDoubts } from './settle-doubts.ts'

/**
 * The statements of what settlements say of steps in doubt, in the order in which they must run; none where there is
 * nothing. They come after what is set aside: an undo may be parked for a key that has just been let go of.
 */
export function doubtCalls(doubts: readonly (DoubtWrites | undefined)[], schema: string): readonly Call[] {
  const calls: Call[] = []
  const add = <Row>(statement: Statement<readonly Row[], undefined>, rows: readonly Row[]) => {
    if (rows.length > 0) calls.push(callOf(statement, schema, rows))
  }
  add(
    markCalled,
    doubts.flatMap((one) => one?.called ?? []),
  )
  add(
    keepUndos,
    doubts.flatMap((one) => one?.barred ?? []),
  )
  add(
    parkUndos,
    doubts.flatMap((one) => one?.undone ?? []),
  )
  add(
    settleDoubts,
    doubts.flatMap((one) => one?.settled ?? []),
  )
  return calls
}

/** How many rows it carries. */
export function rowsInDoubt(doubts: DoubtWrites | undefined): number {
  if (!doubts) return 0
  return doubts.called.length + doubts.barred.length + doubts.undone.length + doubts.settled.length
}
