import {
  type AsidePage,
  atLogPlace,
  type DeadLetterFilter,
  type DeadLetterGroup,
  type DeadLetterState,
  type DeadLetterSummary,
  ofLife,
  type StoredDeadLetter,
} from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Fields, Statement } from '../wire/statement.ts'
import { eventFrom, inMs, recordFrom, recordSelected } from './columns.ts'
import { conditions, failureFrom, filterParameters, pageMax, pageParameters } from './filters.ts'
import type { Numbered } from './list-parked-keys.ts'

const selected = `letter, key, state, attempts, redrives, bytes, ${inMs('first_failed_at')}, ${inMs('last_failed_at')},
      source, id, type, saga, reaction, code, message, stack, failure_group`
const fits = conditions('one', { event: 'one.id = $4::text', saga: 'one.saga = $5::text' })
const inAnyState = "($10::text = 'any' OR one.state = $10::text)"
/** Said in words, for an index of the open ones: letters that people are done with are kept, and are many. */
const isOpen = "(one.state = 'open' AND $10::text = 'open')"

type Listing = Statement<
  { readonly filter: DeadLetterFilter; readonly page: AsidePage },
  Numbered<DeadLetterSummary>
>

type Grouping = Statement<DeadLetterFilter, DeadLetterGroup>

/** Dead letters that fit a filter, the oldest first, without their bytes. */
export function listDeadLettersBy({ state = 'open' }: DeadLetterFilter): Listing {
  return state === 'open' ? listOpenDeadLetters : listDeadLetters
}

export const listOpenDeadLetters = listing('list-open-dead-letters', isOpen)
const listDeadLetters = listing('list-dead-letters', inAnyState)

function listing(name: string, inState: string): Listing {
  return {
    name,
    text: (schema) => `
    SELECT seq, topic, partition, record_offset, ${selected} FROM ${schema}.dead_letter AS one
    WHERE ${fits} AND ${inState} AND seq > $11::bigint
    ORDER BY seq LIMIT $12::int`,
    parameters: ({ filter, page }) => [
      ...filterParameters(filter),
      filter.state ?? 'open',
      ...pageParameters(page),
    ],
    row: ([seq, topic, partition, place, ...fields]) => ({
      seq: BigInt(seq as string),
      one: {
        topic: topic as string,
        partition: Number(partition),
        ...atLogPlace(BigInt(place as string)),
        ...summaryFrom(fields),
      },
    }),
  }
}

export const readDeadLetter: Statement<string, StoredDeadLetter> = {
  name: 'read-dead-letter',
  text: (schema) => `
    SELECT ${recordSelected}, ${selected} FROM ${schema}.dead_letter WHERE letter = $1::text`,
  parameters: (id) => [text(id, 'dead letter')],
  row(fields) {
    const record = recordFrom(fields.slice(0, 7))
    const { topic, partition, offset, life = 0 } = record
    return { topic, partition, offset, ...ofLife(life), record, ...summaryFrom(fields.slice(7)) }
  },
}

/** How many letters failed alike, and since when; the words are those of the one that failed last. */
export function listDeadLetterGroupsBy({ state = 'open' }: DeadLetterFilter): Grouping {
  return state === 'open' ? listOpenDeadLetterGroups : listDeadLetterGroups
}

const listOpenDeadLetterGroups = grouping('list-open-dead-letter-groups', isOpen)
const listDeadLetterGroups = grouping('list-dead-letter-groups', inAnyState)

function grouping(name: string, inState: string): Grouping {
  return {
    name,
    text: (schema) => `
    SELECT failure_group, (array_agg(reaction ORDER BY last_failed_at DESC, seq DESC))[1],
      (array_agg(code ORDER BY last_failed_at DESC, seq DESC))[1],
      (array_agg(message ORDER BY last_failed_at DESC, seq DESC))[1],
      count(*), ${inMs('min(first_failed_at)')}, ${inMs('max(last_failed_at)')}
    FROM ${schema}.dead_letter AS one WHERE ${fits} AND ${inState}
    GROUP BY failure_group ORDER BY count(*) DESC, failure_group COLLATE "C" LIMIT ${pageMax}`,
    parameters: (filter) => [...filterParameters(filter), filter.state ?? 'open'],
    row: ([group, reaction, code, message, count, first, last]) => ({
      group: group as string,
      reaction: reaction ?? undefined,
      code: code as string,
      message: message as string,
      count: Number(count),
      firstFailedAtMs: Number(first),
      lastFailedAtMs: Number(last),
    }),
  }
}

function summaryFrom(fields: Fields): Omit<DeadLetterSummary, 'topic' | 'partition' | 'offset' | 'life'> {
  const [id, key, state, attempts, redrives, bytes, first, last, ...rest] = fields
  const failure = failureFrom(rest.slice(4))
  if (!failure) throw new Error(`The dead letter ${id} says nothing of its failure.`)
  return {
    id: id as string,
    key: key as string,
    state: state as DeadLetterState,
    attempts: Number(attempts),
    redrives: Number(redrives),
    bytes: Number(bytes),
    firstFailedAtMs: Number(first),
    lastFailedAtMs: Number(last),
    event: eventFrom(rest),
    failure,
  }
}
