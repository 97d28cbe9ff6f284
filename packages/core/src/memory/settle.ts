// One settlement after the other, each as a whole: first all that could refuse it is asked, then all of it is written.

import { documentName } from '../declare/document.ts'
import { TroupeError } from '../errors.ts'
import { type DeadlineWrite, laneOf, type PositionMove, type Receipt, type Settlement } from '../ports.ts'
import { refuseUnfit } from './documents.ts'
import { writeDoubts } from './doubts.ts'
import type { memoryOutbox } from './outbox.ts'
import type { MemorySetAside } from './set-aside.ts'
import { answerKey, answerRow, documentRow, eventKey, type MemoryTables, nameOf } from './tables.ts'

export interface SettleBeside {
  readonly nowMs: () => number
  readonly outbox: ReturnType<typeof memoryOutbox>
  readonly aside: Pick<MemorySetAside, 'changed' | 'write' | 'parkAgain'>
}

/** @throws TroupeError `TROUPE_FENCED`, `TROUPE_CONFLICT`; Error where settling it again cannot help */
export function settleIn(
  tables: MemoryTables,
  settlement: Settlement,
  { nowMs, outbox, aside }: SettleBeside,
): Receipt {
  const { position, parking, doubts } = settlement
  if (position) refuseFenced(tables, position)
  for (const one of settlement.documents) refuseUnfit(one)
  refuseConflict([...changedIn(tables, settlement), ...(parking ? aside.changed(parking) : [])])
  refuseContradiction(tables, settlement)

  const held = position && tables.positions.get(laneOf(position))
  if (held) tables.positions.set(laneOf(held), { ...held, next: position.to })
  for (const one of settlement.inbox) tables.inbox.set(eventKey(one), { ...one, atMs: nowMs() })
  for (const one of settlement.answers) tables.answers.set(answerKey(one), answerRow(one, nowMs()))
  for (const { expectedState: _, ...step } of settlement.steps)
    tables.steps.set(nameOf(step.saga, step.step), step)
  for (const one of settlement.documents) tables.documents.set(documentName(one), documentRow(one))
  for (const one of settlement.deadlines) writeDeadline(tables, one, nowMs())
  for (const key of settlement.performed ?? []) tables.performed.delete(key)
  for (const id of settlement.published) tables.outbox.delete(id)
  const predecessors = outbox.addAll(settlement.outbox)
  if (parking) aside.write(parking)
  if (doubts) writeDoubts(tables, doubts, aside.parkAgain)
  return { predecessors }
}

function writeDeadline({ deadlines }: MemoryTables, { saga, name, set }: DeadlineWrite, nowMs: number): void {
  const key = nameOf(saga, name)
  if (!set) deadlines.delete(key)
  else if (deadlines.get(key)?.record.id !== set.record.id) {
    const dueMs = 'afterMs' in set.due ? nowMs + set.due.afterMs : set.due.atMs
    deadlines.set(key, { saga, name, dueMs, record: set.record })
  }
}

function refuseFenced({ positions }: MemoryTables, position: PositionMove): void {
  const { topic, partition, epoch, from } = position
  const stored = positions.get(laneOf(position))
  if (stored?.epoch === epoch && stored.next === from) return
  const shown = (one: { readonly epoch: number; readonly next: bigint | undefined }) => ({
    epoch: one.epoch,
    next: one.next === undefined ? null : String(one.next),
  })
  throw new TroupeError(
    'TROUPE_FENCED',
    `${topic}[${partition}] is not where this owner left it. Nothing was written; let go of the partition.`,
    {
      details: {
        topic,
        partition,
        expected: shown({ epoch, next: from }),
        found: stored ? shown(stored) : null,
      },
    },
  )
}

/** Names what is not as a settlement expects it. */
function changedIn(tables: MemoryTables, settlement: Settlement): readonly string[] {
  const { inbox, answers, steps, documents, documentsRead } = settlement
  return [
    ...inbox
      .filter((one) => tables.inbox.has(eventKey(one)))
      .map(({ source, id }) => `event ${source}/${id}`),
    ...answers
      .filter((one) => tables.answers.has(answerKey(one)))
      .map(({ command, idempotencyKey }) => `${command} with key ${idempotencyKey}`),
    ...steps
      .filter((one) => tables.steps.get(nameOf(one.saga, one.step))?.state !== one.expectedState)
      .map(({ saga, step }) => `step ${step} of saga ${saga}`),
    ...[...documents, ...documentsRead]
      .filter((one) => (tables.documents.get(documentName(one))?.version ?? 0) !== one.expectedVersion)
      .map((one) => `document ${documentName(one)}`),
  ]
}

function refuseConflict(changed: readonly string[]): void {
  if (changed.length === 0) return
  throw new TroupeError(
    'TROUPE_CONFLICT',
    `Another settlement was faster: ${changed.join('; ')}. Nothing was written; recall and decide again.`,
    { details: { changed, changedCount: changed.length } },
  )
}

/** What names something twice, or writes a record under an id that is taken, is wrong however often it is settled. */
function refuseContradiction(tables: MemoryTables, settlement: Settlement): void {
  const { inbox, answers, steps, documents, outbox } = settlement
  const named = [
    inbox.map(eventKey),
    answers.map(answerKey),
    steps.map(({ saga, step }) => nameOf(saga, step)),
    documents.map(documentName),
    outbox.map(({ id }) => id),
  ]
  if (named.some((names) => new Set(names).size < names.length))
    throw new Error('The settlement was refused: it names something twice.')
  const taken = outbox.find(({ id }) => tables.outbox.has(id) && !settlement.published.includes(id))
  if (taken) throw new Error(`The settlement was refused: the outbox has a record ${taken.id} already.`)
}
