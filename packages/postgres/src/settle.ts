import { type DocumentName, documentName, type Receipt, type Settlement } from '@troupe/core'
import { parkCalls, rowsAside } from './aside/park-calls.ts'
import { doubtCalls, rowsInDoubt } from './doubts/doubt-calls.ts'
import { deleteOutbox } from './statements/delete-outbox.ts'
import { deletePerformed } from './statements/delete-performed.ts'
import { holdDocuments } from './statements/hold-documents.ts'
import { insertAnswers } from './statements/insert-answers.ts'
import { insertDocuments } from './statements/insert-documents.ts'
import { insertInbox } from './statements/insert-inbox.ts'
import { insertOutbox } from './statements/insert-outbox.ts'
import { insertSteps } from './statements/insert-steps.ts'
import { liftDeadlines } from './statements/lift-deadlines.ts'
import { movePosition } from './statements/move-position.ts'
import { type DeadlineSet, setDeadlines } from './statements/set-deadlines.ts'
import { updateDocuments } from './statements/update-documents.ts'
import { updateSteps } from './statements/update-steps.ts'
import { type Call, callOf, type Statement } from './wire/statement.ts'

/**
 * The statements of settlements that share a transaction, in the order in which they must run, and what they
 * answer with once they have.
 *
 * The fence goes first, so that an owner who was replaced waits for nobody. The tables follow in one
 * order, and the rows of each in the order of their names, so that two settlements cannot wait for
 * each other. The outbox comes after the documents: see `insert-outbox`. What is published goes before
 * that, so that it is nobody's predecessor. Last comes what is set aside, which hardly ever is anything.
 */
export function settleCalls(
  settlements: readonly Settlement[],
  schema: string,
): { readonly calls: readonly Call[]; receipt(): Receipt } {
  const { inbox, documents, documentsRead, steps, answers, deadlines, outbox, published, performed } =
    together(settlements)
  const calls: Call[] = []
  const add = <Row>(statement: Statement<readonly Row[], undefined>, rows: readonly Row[]) => {
    if (rows.length > 0) calls.push(callOf(statement, schema, rows))
  }
  const stepsByName = inOrder(
    steps,
    ({ saga }) => saga,
    ({ step }) => step,
  )
  const documentsByName = inOrder<(typeof documents)[number] | (typeof documentsRead)[number]>(
    [...documents, ...documentsRead],
    ({ kind }) => kind,
    ({ key }) => key,
  )

  const positions = settlements.flatMap(({ position }) => position ?? [])
  for (const position of inOrder(
    positions,
    ({ topic }) => topic,
    ({ partition }) => String(partition),
  ))
    calls.push(callOf(movePosition, schema, position))
  add(
    insertInbox,
    inOrder(
      inbox,
      ({ source }) => source,
      ({ id }) => id,
    ),
  )
  add(
    insertAnswers,
    inOrder(
      answers,
      ({ command }) => command,
      ({ idempotencyKey }) => idempotencyKey,
    ),
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
  if (deadlines.length > 0) {
    const deadlinesByName = inOrder(
      deadlines,
      ({ saga }) => saga,
      ({ name }) => name,
    )
    add(
      setDeadlines,
      deadlinesByName.filter((one): one is DeadlineSet => one.set !== undefined),
    )
    add(
      liftDeadlines,
      deadlinesByName.filter(({ set }) => !set),
    )
  }
  add(
    deletePerformed,
    inOrder(performed ?? [], (key) => key),
  )
  add(
    deleteOutbox,
    inOrder(published, (id) => id),
  )
  const inserting = outbox.length > 0 ? callOf(insertOutbox, schema, outbox) : undefined
  if (inserting) calls.push(inserting)
  calls.push(
    ...parkCalls(
      settlements.map(({ parking }) => parking),
      schema,
    ),
    ...doubtCalls(
      settlements.map(({ doubts }) => doubts),
      schema,
    ),
  )
  return { calls, receipt: () => ({ predecessors: inserting?.rows ?? [] }) }
}

type Rows = Omit<Settlement, 'position' | 'parking' | 'doubts'>

function together(settlements: readonly Settlement[]): Rows {
  const [only] = settlements
  if (only && settlements.length === 1) return only
  return {
    inbox: settlements.flatMap(({ inbox }) => inbox),
    documents: settlements.flatMap(({ documents }) => documents),
    documentsRead: settlements.flatMap(({ documentsRead }) => documentsRead),
    steps: settlements.flatMap(({ steps }) => steps),
    answers: settlements.flatMap(({ answers }) => answers),
    deadlines: settlements.flatMap(({ deadlines }) => deadlines),
    outbox: settlements.flatMap(({ outbox }) => outbox),
    published: settlements.flatMap(({ published }) => published),
    performed: settlements.flatMap(({ performed = [] }) => performed),
  }
}

/** How many rows it carries. */
export function rowsOf(settlement: Settlement): number {
  const {
    inbox,
    documents,
    documentsRead,
    steps,
    answers,
    deadlines,
    outbox,
    published,
    performed = [],
  } = settlement
  return [inbox, documents, documentsRead, steps, answers, deadlines, outbox, published, performed].reduce(
    (rows, { length }) => rows + length,
    rowsAside(settlement.parking) + rowsInDoubt(settlement.doubts),
  )
}

/**
 * Whether settlements may share a transaction. What one of them has read another one must not write: each
 * would have decided without knowing of the other. All else that they have in common the database refuses.
 */
export function mayShare(settlement: Settlement, others: readonly Settlement[]): boolean {
  const reading = others.some(({ documentsRead }) => documentsRead.length > 0)
  if (settlement.documentsRead.length === 0 && !reading) return true
  const namesOf = (list: readonly DocumentName[]) => list.map(documentName)
  const read = new Set(others.flatMap(({ documentsRead }) => namesOf(documentsRead)))
  const written = new Set(others.flatMap(({ documents }) => namesOf(documents)))
  return (
    !namesOf([...settlement.documents, ...settlement.documentsRead]).some((name) => read.has(name)) &&
    !namesOf(settlement.documentsRead).some((name) => written.has(name))
  )
}

/** By a first name and then a second one, if there is: no pair is made for each comparison. */
function inOrder<Row>(
  rows: readonly Row[],
  firstOf: (row: Row) => string,
  secondOf: (row: Row) => string = noName,
): Row[] {
  return rows.toSorted(
    (left, right) => compare(firstOf(left), firstOf(right)) || compare(secondOf(left), secondOf(right)),
  )
}

function noName(): string {
  return ''
}

/** By UTF-16 units: which order it is does not matter, as long as every process has the same. */
function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
