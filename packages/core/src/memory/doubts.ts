// What is in doubt of steps, in memory: which event's call was begun, and what barred the step.

import type { DoubtWrites, KeptUndo, StoredDoubt } from '../batch/doubt.ts'
import type { StepName } from '../ports.ts'
import { type DoubtRow, eventKey, found, type MemoryTables, nameOf } from './tables.ts'

/** Parks an event in front of what came after it, due at once. */
export type ParkAgain = (undo: KeptUndo) => void

export function recallDoubts({ doubts }: MemoryTables, steps: readonly StepName[]): readonly StoredDoubt[] {
  const rows = found(doubts, [...new Set(steps.map(rowName))])
  return rows.map(({ saga, step, called, undo }) => ({ saga, step, called, isUndoKept: undo !== undefined }))
}

export function writeDoubts(
  { doubts, inbox }: MemoryTables,
  { called, barred, undone, settled }: DoubtWrites,
  parkAgain: ParkAgain,
): void {
  const keep = ({ saga, step }: StepName, part: Partial<DoubtRow>) => {
    const before = doubts.get(rowName({ saga, step })) ?? { saga, step, called: undefined, undo: undefined }
    doubts.set(rowName({ saga, step }), { ...before, ...part })
  }
  for (const one of called) {
    const { source, id } = one.event
    keep(one, { called: doubts.get(rowName(one))?.called ?? { source, id } })
  }
  for (const undo of barred) keep(undo, { undo })
  for (const name of undone) {
    const { undo } = doubts.get(rowName(name)) ?? {}
    if (!undo) continue
    if (undo.event && inbox.get(eventKey(undo.event))?.outcome === 'barred')
      inbox.delete(eventKey(undo.event))
    parkAgain(undo)
  }
  for (const name of [...undone, ...settled]) doubts.delete(rowName(name))
}

function rowName({ saga, step }: StepName): string {
  return nameOf(saga, step)
}
