import type { OutboxPart } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import type { Statement } from '../wire/statement.ts'

/** How many ids a page holds. */
export const unpublishedIdsMax = 1_000

export interface OutboxId {
  readonly id: string
  readonly seq: bigint
}

type Asked<Part extends OutboxPart> = Part & { readonly after: bigint }

const row: Statement<never, OutboxId>['row'] = ([id, seq]) => ({
  id: id as string,
  seq: BigInt(seq as string),
})

export const listUnpublishedInLane: Statement<Asked<{ readonly lane: string }>, OutboxId> = {
  name: 'list-unpublished-in-lane',
  text: (schema) => `
    SELECT id, seq FROM ${schema}.outbox
    WHERE lane = $1::text AND seq > $2::bigint ORDER BY seq LIMIT ${unpublishedIdsMax}`,
  parameters: ({ lane, after }) => [text(lane, 'lane'), String(after)],
  row,
}

/** Of any lane. Reads the whole outbox, which is small: what is published is deleted. */
export const listUnpublishedByAge: Statement<Asked<{ readonly olderThanMs: number }>, OutboxId> = {
  name: 'list-unpublished-by-age',
  text: (schema) => `
    SELECT id, seq FROM ${schema}.outbox
    WHERE at < now() - make_interval(secs => $1::float8 / 1000) AND seq > $2::bigint
    ORDER BY seq LIMIT ${unpublishedIdsMax}`,
  parameters: ({ olderThanMs, after }) => [String(olderThanMs), String(after)],
  row,
}
