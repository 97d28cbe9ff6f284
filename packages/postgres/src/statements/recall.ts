import type { RecallRequest, Recollection } from '@troupe/core'
import { placesOf } from '../aside/columns.ts'
import { textArray } from '../wire/parameters.ts'
import { bytesOf, type Fields, type Statement } from '../wire/statement.ts'
import { inboxName } from './inbox-name.ts'
import { documentRow } from './read-document.ts'

type Stored<Part extends 'documents' | 'steps' | 'answers' | 'keys'> = {
  readonly part: Part
  readonly stored: Recollection[Part][number]
}

/** One thing that is stored; of an event, its place in the request: the inbox may know it by a shorter name. */
export type Recalled =
  | { readonly part: 'seen'; readonly place: number }
  | Stored<'documents'>
  | Stored<'steps'>
  | Stored<'answers'>
  | Stored<'keys'>

/** One statement, so that all it finds is of one moment. */
export const recall: Statement<RecallRequest, Recalled> = {
  name: 'recall',
  text: (schema) => `
    WITH wanted AS (
      SELECT kind, key FROM unnest($3::text[], $4::text[]) AS asked(kind, key)
      UNION
      SELECT pair ->> 0, pair ->> 1
      FROM unnest($7::text[], $8::text[]) AS undone(saga, step)
      JOIN ${schema}.step USING (saga, step) CROSS JOIN json_array_elements(step.touched) AS touched(pair)
    )
    SELECT 'seen', place::text, NULL, NULL, NULL, NULL
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked(source, id, place) JOIN ${schema}.inbox USING (source, id)
    UNION ALL
    SELECT 'documents', kind, key, version::text, state::text, NULL
    FROM wanted JOIN ${schema}.document USING (kind, key) WHERE version > 0
    UNION ALL
    SELECT 'steps', saga, step, state, encode(done, 'hex'), touched::text
    FROM unnest($5::text[], $6::text[]) AS asked(saga, step) JOIN ${schema}.step USING (saga, step)
    UNION ALL
    SELECT 'answers', command, idempotency_key, input_hash, answer::text, NULL
    FROM unnest($9::text[], $10::text[]) AS asked(command, idempotency_key)
    JOIN ${schema}.answer USING (command, idempotency_key)
    UNION ALL
    SELECT 'keys', held.topic, held.partition::text, held.key, held.version::text, NULL
    FROM unnest($11::text[], $12::bigint[], $13::text[]) AS asked(topic, partition, key)
    JOIN ${schema}.parked_key AS held
      ON held.topic = asked.topic AND held.partition = asked.partition::int AND held.key = asked.key`,
  parameters({ events, documents, steps, answers, keys = [] }) {
    const undone = steps.filter(({ withDocuments }) => withDocuments)
    return [
      textArray(
        events.map(({ source }) => inboxName(source)),
        'event source',
      ),
      textArray(
        events.map(({ id }) => inboxName(id)),
        'event id',
      ),
      textArray(
        documents.map(({ kind }) => kind),
        'document kind',
      ),
      textArray(
        documents.map(({ key }) => key),
        'document key',
      ),
      textArray(
        steps.map(({ saga }) => saga),
        'saga',
      ),
      textArray(
        steps.map(({ step }) => step),
        'step',
      ),
      textArray(
        undone.map(({ saga }) => saga),
        'saga',
      ),
      textArray(
        undone.map(({ step }) => step),
        'step',
      ),
      textArray(
        answers.map(({ command }) => command),
        'command',
      ),
      textArray(
        answers.map(({ idempotencyKey }) => idempotencyKey),
        'idempotency key',
      ),
      ...placesOf(keys),
    ]
  },
  row: recalledRow,
}

function recalledRow([part, ...fields]: Fields): Recalled {
  const [first, second, third, fourth, fifth] = fields as [string, string, string, string | null, string]
  switch (part) {
    case 'seen':
      return { part, place: Number(first) - 1 }
    case 'documents':
      return { part, stored: documentRow(fields) }
    case 'steps': {
      const touched = (JSON.parse(fifth) as [string, string][]).map(([kind, key]) => ({ kind, key }))
      const state = third as Recollection['steps'][number]['state']
      return { part, stored: { saga: first, step: second, state, done: bytesOf(fourth), touched } }
    }
    case 'answers': {
      const answer = fourth === null ? undefined : JSON.parse(fourth)
      return { part, stored: { command: first, idempotencyKey: second, inputHash: third, answer } }
    }
    case 'keys':
      return {
        part,
        stored: { topic: first, partition: Number(second), key: third, version: Number(fourth) },
      }
    default:
      throw new Error(`The recall statement answered with an unknown part "${part}".`)
  }
}
