import { documentName, type KeyPlace, type RecallRequest, stepKey } from '@troupe/core'
import type { Recalled } from './statements/recall.ts'

/** One request for what several ask. */
export function recallOf(requests: readonly RecallRequest[]): RecallRequest {
  const [only] = requests
  if (only && requests.length === 1) return only
  return {
    events: requests.flatMap(({ events }) => events),
    documents: requests.flatMap(({ documents }) => documents),
    steps: requests.flatMap(({ steps }) => steps),
    answers: requests.flatMap(({ answers }) => answers),
    keys: requests.flatMap(({ keys = [] }) => keys),
    performed: requests.flatMap(({ performed = [] }) => performed),
    doubts: requests.flatMap(({ doubts = [] }) => doubts),
  }
}

/** How many rows it asks for, at least. */
export function rowsAsked({
  events,
  documents,
  steps,
  answers,
  keys = [],
  performed = [],
  doubts = [],
}: RecallRequest): number {
  return [events, documents, steps, answers, keys, performed, doubts].reduce(
    (rows, { length }) => rows + length,
    0,
  )
}

/** Of what {@link recallOf} found, each request's own part: exactly what it would have found alone. */
export function partsOf(
  requests: readonly RecallRequest[],
  found: readonly Recalled[],
): readonly (readonly Recalled[])[] {
  if (requests.length === 1) return [found]
  let before = 0
  return requests.map((request) => {
    const first = before
    before += request.events.length
    return partOf(request, first, found)
  })
}

/** `first`: the place of the request's first event among all. */
function partOf(request: RecallRequest, first: number, found: readonly Recalled[]): readonly Recalled[] {
  const steps = new Map(request.steps.map((step) => [stepKey(step), step.withDocuments]))
  const answers = new Set(request.answers.map(answerName))
  const documents = new Set(request.documents.map(documentName))
  const keys = new Set((request.keys ?? []).map(placeName))
  for (const one of found) {
    if (one.part !== 'steps' || !steps.get(stepKey(one.stored))) continue
    for (const touched of one.stored.touched) documents.add(documentName(touched))
  }
  return found.flatMap((one): readonly Recalled[] => {
    switch (one.part) {
      case 'seen': {
        const place = one.place - first
        return place >= 0 && place < request.events.length ? [{ part: 'seen', place }] : []
      }
      // Deleted as they are met: what two ask for is found twice.
      case 'documents':
        return documents.delete(documentName(one.stored)) ? [one] : []
      case 'steps':
        return steps.delete(stepKey(one.stored)) ? [one] : []
      case 'answers':
        return answers.delete(answerName(one.stored)) ? [one] : []
      case 'keys':
        return keys.delete(placeName(one.stored)) ? [one] : []
    }
  })
}

function answerName({ command, idempotencyKey }: RecallRequest['answers'][number]): string {
  return JSON.stringify([command, idempotencyKey])
}

function placeName({ topic, partition, key }: KeyPlace): string {
  return JSON.stringify([topic, partition, key])
}
