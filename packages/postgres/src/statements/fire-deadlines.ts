import type { Statement } from '../wire/statement.ts'

/** How many deadlines one transaction moves. */
export const firedMax = 500

export interface FiredRow {
  readonly id: string
  readonly lateMs: number
}

/**
 * Moves what is due into the outbox, those due first first. What another transaction holds, because it fires
 * it, lifts it or sets it anew, is passed over: nobody waits, and nothing is fired twice.
 */
export const fireDeadlines: Statement<undefined, FiredRow> = {
  name: 'fire-deadlines',
  text: (schema) => `
    WITH due AS MATERIALIZED (
      SELECT ctid FROM ${schema}.deadline
      WHERE due_at <= now()
      ORDER BY due_at LIMIT ${firedMax} FOR UPDATE SKIP LOCKED
    ), gone AS (
      DELETE FROM ${schema}.deadline WHERE ctid = ANY (ARRAY(SELECT ctid FROM due)) RETURNING *
    ), written AS (
      INSERT INTO ${schema}.outbox (id, lane, topic, key, key_is_text, headers, value)
      SELECT id, lane, topic, key, key_is_text, headers, value FROM gone ORDER BY due_at, saga, name
      ON CONFLICT (id) DO NOTHING
    )
    SELECT id, extract(epoch FROM clock_timestamp() - due_at) * 1000 FROM gone ORDER BY due_at, saga, name`,
  parameters: () => [],
  row: ([id, lateMs]) => ({ id: id as string, lateMs: Math.max(0, Number(lateMs)) }),
}

/** How long until the next one is due; null if there is none. */
export const nextDeadline: Statement<undefined, number | undefined> = {
  name: 'next-deadline',
  text: (schema) =>
    `SELECT extract(epoch FROM min(due_at) - clock_timestamp()) * 1000 FROM ${schema}.deadline`,
  parameters: () => [],
  row: ([ms]) => (ms === null || ms === undefined ? undefined : Number(ms)),
}
