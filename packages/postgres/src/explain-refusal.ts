import {
  type Claim,
  isTroupeError,
  type KeyPlace,
  type ParkedKeyWrite,
  type RecalledKey,
  type RecallRequest,
  type Recollection,
  type Settlement,
  type TopicPartition,
  TroupeError,
} from '@troupe/core'
import { refusal } from './database-error.ts'

/** What an explanation reads. */
export interface Stored {
  recall(request: RecallRequest): Promise<Recollection>
  positionOf(partition: TopicPartition): Promise<Claim | undefined>
}

/** How many names a message and its details carry. */
const namesMax = 10

/** The same refusal with names in it. If those cannot be read, the refusal as it is: its code is what counts. */
export async function explained(settlement: Settlement, error: unknown, stored: Stored): Promise<unknown> {
  try {
    if (isTroupeError(error, 'TROUPE_FENCED')) return await explainFence(settlement, error, stored)
    if (isTroupeError(error, 'TROUPE_CONFLICT') && !isRace(error)) {
      return (await explainConflict(settlement, error, stored)) ?? contradiction(error)
    }
  } catch {
    return error
  }
  return error
}

/** A deadlock or serialization failure names nothing that changed. */
function isRace({ details }: TroupeError): boolean {
  return details['sqlState'] !== '23505' && details['sqlState'] !== refusal.conflict
}

function contradiction({ cause }: TroupeError): Error {
  return new Error(
    'The settlement was refused though nothing of it has changed since it was recalled: it names something twice.',
    { cause },
  )
}

/** `TROUPE_FENCED` with what was expected and what is stored. */
async function explainFence(
  { position }: Settlement,
  refused: TroupeError,
  stored: Stored,
): Promise<TroupeError> {
  if (!position) return refused
  const { topic, partition, epoch, from } = position
  const found = await stored.positionOf(position)
  const what = !found
    ? 'was never claimed'
    : found.epoch === epoch
      ? `stands at ${found.next ?? 'no position'}, not at ${from ?? 'no position'}`
      : `was claimed by another owner: its epoch is ${found.epoch}, not ${epoch}`
  return new TroupeError(
    'TROUPE_FENCED',
    `${topic}[${partition}] ${what}. Nothing was written; let go of the partition.`,
    {
      cause: refused.cause,
      details: {
        topic,
        partition,
        expected: { epoch, next: from === undefined ? null : String(from) },
        found: found
          ? { epoch: found.epoch, next: found.next === undefined ? null : String(found.next) }
          : null,
      },
    },
  )
}

/**
 * `TROUPE_CONFLICT` naming what changed, or undefined if nothing did: then the settlement contradicts
 * itself, and trying again cannot help.
 *
 * Exact, though it reads after the refusal: versions, states and inbox entries never go back.
 */
async function explainConflict(
  { inbox, documents: written, documentsRead, steps, answers, parking }: Settlement,
  refused: TroupeError,
  stored: Stored,
): Promise<TroupeError | undefined> {
  const documents = [...written, ...documentsRead]
  const now = await stored.recall({
    events: inbox,
    documents,
    steps: steps.map(({ saga, step }) => ({ saga, step, withDocuments: false })),
    answers,
    keys: parking?.keys,
  })
  const versions = new Map(now.documents.map((one) => [nameOf(one.kind, one.key), one.version]))
  const states = new Map(now.steps.map((one) => [nameOf(one.saga, one.step), one.state]))
  const changed = [
    ...now.seen.map(({ source, id }) => `event ${source}/${id} is in the inbox`),
    ...now.answers.map(({ command, idempotencyKey }) => `${command} with key ${idempotencyKey} is answered`),
    ...steps.flatMap(({ saga, step, expectedState = 'open' }) => {
      const state = states.get(nameOf(saga, step)) ?? 'open'
      return state === expectedState ? [] : [`step ${step} of saga ${saga} is ${state}, not ${expectedState}`]
    }),
    ...documents.flatMap(({ kind, key, expectedVersion }) => {
      const version = versions.get(nameOf(kind, key)) ?? 0
      return version === expectedVersion
        ? []
        : [`document ${kind}/${key} has version ${version}, not ${expectedVersion}`]
    }),
    ...changedKeys(parking?.keys ?? [], now.keys),
  ]
  if (changed.length === 0) return undefined
  const named = changed.slice(0, namesMax)
  const rest = changed.length - named.length
  return new TroupeError(
    'TROUPE_CONFLICT',
    `Another transaction was faster: ${named.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}. Nothing was written; recall and decide again.`,
    { cause: refused.cause, details: { changed: named, changedCount: changed.length } },
  )
}

function changedKeys(writes: readonly ParkedKeyWrite[], found: readonly RecalledKey[]): readonly string[] {
  const versions = new Map(found.map((one) => [placeOf(one), one.version]))
  return writes.flatMap((write) => {
    const version = versions.get(placeOf(write))
    const isAsExpected =
      write.form === 'park'
        ? version === undefined
        : write.form === 'follow'
          ? version !== undefined
          : version === write.version
    if (isAsExpected) return []
    return [
      `key ${write.key} of ${write.topic}[${write.partition}] is ${version === undefined ? 'not parked' : 'parked, and has changed'}`,
    ]
  })
}

function placeOf({ topic, partition, key }: KeyPlace): string {
  return JSON.stringify([topic, partition, key])
}

function nameOf(first: string, second: string): string {
  return JSON.stringify([first, second])
}
