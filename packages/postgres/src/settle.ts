import type { Receipt, Settlement } from '@troupe/core'
import { deleteOutbox } from './statements/delete-outbox.ts'
import { holdDocuments } from './statements/hold-documents.ts'
import { insertAnswers } from './statements/insert-answers.ts'
import { insertDocuments } from './statements/insert-documents.ts'
import { insertInbox } from './statements/insert-inbox.ts'
import { insertOutbox } from './statements/insert-outbox.ts'
import { insertSteps } from './statements/insert-steps.ts'
import { movePosition } from './statements/move-position.ts'
import { updateDocuments } from './statements/update-documents.ts'
import { updateSteps } from './statements/update-steps.ts'
import { type Call, callOf, type Statement } from './wire/statement.ts'

/**
 * The statements of one settlement, in the order in which they must run, and what they answer with once
 * they have.
 *
 * The fence goes first, so that an owner who was replaced waits for nobody. The tables follow in one
 * order, and the rows of each in the order of their names, so that two settlements cannot wait for
 * each other. The outbox comes after the documents: see `insert-outbox`. What is published goes before
 * that, so that it is nobody's predecessor.
 */
export function settleCalls(
  settlement: Settlement,
  schema: string,
): { readonly calls: readonly Call[]; receipt(): Receipt } {
  const { position, inbox, documents, documentsRead, steps, answers, outbox, published } = settlement
  const calls: Call[] = []
  const add = <Row>(statement: Statement<readonly Row[], undefined>, rows: readonly Row[]) => {
    if (rows.length > 0) calls.push(callOf(statement, schema, rows))
  }
  const stepsByName = inOrder(steps, ({ saga, step }) => [saga, step])
  const documentsByName = inOrder<(typeof documents)[number] | (typeof documentsRead)[number]>(
    [...documents, ...documentsRead],
    ({ kind, key }) => [kind, key],
  )

  if (position) calls.push(callOf(movePosition, schema, position))
  add(
    insertInbox,
    inOrder(inbox, ({ source, id }) => [source, id]),
  )
  add(
    insertAnswers,
    inOrder(answers, ({ command, idempotencyKey }) => [command, idempotencyKey]),
  )
  add(
    insertSteps,
    stepsByName.filter(({ expectedState }) => expectedState === undefined),
  )
  add(
    updateSteps,
    stepsByName.filter(({ expectedState }) => expectedState !== undefined),
  )
  add(
    insertDocuments,
    documentsByName.filter(({ expectedVersion }) => expectedVersion === 0),
  )
  const stored = documentsByName.filter(({ expectedVersion }) => expectedVersion !== 0)
  if (documentsRead.some(({ expectedVersion }) => expectedVersion !== 0)) add(holdDocuments, stored)
  add(
    updateDocuments,
    stored.flatMap((one) => ('state' in one ? [one] : [])),
  )
  add(
    deleteOutbox,
    inOrder(published, (id) => [id, '']),
  )
  const inserting = outbox.length > 0 ? callOf(insertOutbox, schema, outbox) : undefined
  if (inserting) calls.push(inserting)
  return { calls, receipt: () => ({ predecessors: inserting?.rows ?? [] }) }
}

function inOrder<Row>(rows: readonly Row[], nameOf: (row: Row) => readonly [string, string]): Row[] {
  return rows.toSorted((left, right) => {
    const [leftFirst, leftSecond] = nameOf(left)
    const [rightFirst, rightSecond] = nameOf(right)
    return compare(leftFirst, rightFirst) || compare(leftSecond, rightSecond)
  })
}

/** By UTF-16 units: which order it is does not matter, as long as every process has the same. */
function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
