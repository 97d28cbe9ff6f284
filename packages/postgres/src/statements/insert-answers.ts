import type { StoredAnswer } from '@troupe/core'
import { jsonArray, textArray } from '../wire/parameters.ts'
import { noRow, type Statement } from '../wire/statement.ts'

/** Fails as a conflict if one of the idempotency keys is answered. */
export const insertAnswers: Statement<readonly StoredAnswer[], undefined> = {
  name: 'insert-answers',
  text: (schema) => `
    INSERT INTO ${schema}.answer (command, idempotency_key, input_hash, answer)
    SELECT command, idempotency_key, input_hash, answer::json
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
      AS given(command, idempotency_key, input_hash, answer)`,
  parameters: (answers) => [
    textArray(
      answers.map(({ command }) => command),
      'command',
    ),
    textArray(
      answers.map(({ idempotencyKey }) => idempotencyKey),
      'idempotency key',
    ),
    textArray(
      answers.map(({ inputHash }) => inputHash),
      'input hash',
    ),
    jsonArray(answers.map(({ answer }) => answer)),
  ],
  row: noRow,
}
