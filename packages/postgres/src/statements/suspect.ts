import type { Held } from '@troupe/core'
import { text } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/**
 * Notes which record is about to be handled alone, and by how many owners in a row it has been, once for each,
 * since the answer may be lost and the question asked again: one row, unless fenced.
 */
export const suspect: Statement<Held & { readonly logPlace: bigint }, number> = {
  name: 'suspect',
  text: (schema) => `
    UPDATE ${schema}.position SET
      suspect = $4::bigint,
      suspect_epoch = $3::bigint,
      suspected = CASE
        WHEN suspect IS DISTINCT FROM $4::bigint THEN 1
        WHEN suspect_epoch IS DISTINCT FROM $3::bigint THEN suspected + 1
        ELSE suspected
      END
    WHERE topic = $1::text AND partition = $2::int AND epoch = $3::bigint
    RETURNING suspected`,
  parameters: ({ topic, partition, epoch, logPlace }) => [
    text(topic, 'topic'),
    String(partition),
    String(epoch),
    String(logPlace),
  ],
  row: ([suspected]) => Number(suspected),
}

/** That record was survived, whoever owns the partition by now; without one: the owner lets go, alive. */
export const acquit: Statement<Held & { readonly logPlace: bigint | undefined }, undefined> = {
  name: 'acquit',
  text: (schema) => `
    UPDATE ${schema}.position SET suspect = NULL, suspected = 0, claims = 0, claims_here = 0
    WHERE topic = $1::text AND partition = $2::int
      AND CASE WHEN $4::bigint IS NULL THEN epoch = $3::bigint ELSE suspect = $4::bigint END`,
  parameters: ({ topic, partition, epoch, logPlace }) => [
    text(topic, 'topic'),
    String(partition),
    String(epoch),
    logPlace === undefined ? null : String(logPlace),
  ],
  row: noRow,
}
