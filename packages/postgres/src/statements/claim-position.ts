import type { ClaimedTopic, TakenClaim, TopicPartition } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Fields, Statement } from '../wire/statement.ts'
import { type PositionRow, positionRow } from './read-position.ts'

/** Claims that come one after the other sooner than this, though nobody let go, are those of owners who died. */
const restlessMinutes = 10

type ClaimRow = PositionRow & Pick<TakenClaim, 'unrest'>

interface ClaimInput extends TopicPartition {
  readonly found: ClaimedTopic
}

/** Only of a position of the topic that is no more: of several who find that out the first forgets it, and nobody later. */
const startsOver = `coalesce(held.topic_id = $4::text, false)`

const isRestless = `NOT ${startsOver} AND held.claimed_at > now() - interval '${restlessMinutes} minutes'`

/**
 * Takes a partition over: the epoch goes up, so that whoever held it before is fenced. Waits for a settle that
 * holds the row. The id of a topic is kept with the first claim that knows it, and belongs to the offset from
 * then on. Where the offset is of another topic and forgotten, what is read from here on is of the next life. Counts how often in a row it was claimed without having been let go of.
 */
export const claimPosition: Statement<ClaimInput, ClaimRow> = {
  name: 'claim-position',
  text: (schema) => `
    INSERT INTO ${schema}.position AS held (topic, partition, epoch, topic_id, claimed_at, claims, claims_here)
    VALUES ($1::text, $2::int, 1, $3::text, now(), 1, 1)
    ON CONFLICT (topic, partition) DO UPDATE SET
      epoch = held.epoch + 1,
      next_offset = CASE WHEN ${startsOver} THEN NULL ELSE held.next_offset END,
      topic_id = CASE
        WHEN ${startsOver} OR held.topic_id IS NULL OR held.next_offset IS NULL THEN coalesce($3::text, held.topic_id)
        ELSE held.topic_id
      END,
      life = CASE WHEN ${startsOver} THEN held.life + 1 ELSE held.life END,
      claimed_at = now(),
      claimed_offset = CASE WHEN NOT ${startsOver} THEN held.next_offset END,
      claims = CASE WHEN ${isRestless} THEN held.claims + 1 ELSE 1 END,
      claims_here = CASE
        WHEN ${isRestless} AND held.next_offset IS NOT DISTINCT FROM held.claimed_offset THEN held.claims_here + 1
        ELSE 1
      END,
      suspect = CASE WHEN NOT ${startsOver} THEN held.suspect END,
      suspected = CASE WHEN NOT ${startsOver} THEN held.suspected ELSE 0 END
    RETURNING epoch, next_offset, topic_id, life, claims, claims_here, suspect`,
  parameters: ({ topic, partition, found: { id, replaces } }) => [
    text(topic, 'topic'),
    String(partition),
    id === undefined ? null : text(id, 'id of the topic'),
    replaces === undefined ? null : text(replaces, 'id of the topic'),
  ],
  row: claimRow,
}

function claimRow([epoch, next, topicId, life, claims, claimsHere, suspect]: Fields): ClaimRow {
  const position = positionRow([epoch ?? null, next ?? null, topicId ?? null, life ?? null])
  if (Number(claims) <= 1 && typeof suspect !== 'string') return position
  const unrest = { claims: Number(claims), claimsHere: Number(claimsHere) }
  return {
    ...position,
    unrest: typeof suspect === 'string' ? { ...unrest, suspect: BigInt(suspect) } : unrest,
  }
}
