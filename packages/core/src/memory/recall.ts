import { documentName } from '../declare/document.ts'
import type { RecallRequest, Recollection, StoredAnswer, StoredResult } from '../ports.ts'
import { refuseUnfit } from './documents.ts'
import { recallDoubts } from './doubts.ts'
import type { MemorySetAside } from './set-aside.ts'
import { answerKey, eventKey, found, type MemoryTables, nameOf } from './tables.ts'

/** Everything that is asked for and stored, as of one moment; nothing of it is shared with the ledger. */
export function recallFrom(
  tables: MemoryTables,
  request: RecallRequest,
  parked: MemorySetAside['recall'],
): Recollection {
  for (const one of request.documents) refuseUnfit(one)
  const undone = request.steps.filter(({ withDocuments }) => withDocuments)
  const touched = found(tables.steps, stepNames(undone)).flatMap((step) => step.touched)
  const names = new Set([...request.documents, ...touched].map(documentName))
  return {
    seen: request.events
      .filter((event) => tables.inbox.has(eventKey(event)))
      .map(({ source, id }) => ({ source, id })),
    documents: found(tables.documents, [...names]).map((row) => ({ ...row })),
    steps: found(tables.steps, stepNames(request.steps)).map((step) => ({ ...step })),
    answers: found(tables.answers, request.answers.map(answerKey)).map(
      ({ atMs: _atMs, ...answer }): StoredAnswer => answer,
    ),
    keys: parked(request.keys ?? []),
    ...(request.performed && {
      performed: found(tables.performed, request.performed).map(
        ({ atMs: _atMs, ...result }): StoredResult => result,
      ),
    }),
    ...(request.doubts && { doubts: recallDoubts(tables, request.doubts) }),
  }
}

function stepNames(steps: RecallRequest['steps']): readonly string[] {
  return steps.map(({ saga, step }) => nameOf(saga, step))
}
