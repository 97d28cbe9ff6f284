import type { Parameter } from './parameters.ts'

/** A row's columns in their text form. */
export type Fields = readonly (string | null)[]

/** One SQL statement: what it is given, and what a row of its answer means. */
export interface Statement<Input, Row> {
  /** Verb and noun; also its name as a prepared statement. */
  readonly name: string
  /** `schema` has been checked to be a plain identifier; every value is a parameter. */
  readonly text: (schema: string) => string
  /** @throws Error for a value that PostgreSQL cannot hold */
  readonly parameters: (input: Input) => readonly Parameter[]
  readonly row: (fields: Fields) => Row
}

/** A statement on its way: bound to its parameters, gathering its rows. */
export interface Call<Row = unknown> {
  readonly name: string
  readonly text: string
  readonly parameters: readonly Parameter[]
  readonly rows: Row[]
  readonly accept: (fields: Fields) => void
}

export function callOf<Input, Row>(
  statement: Statement<Input, Row>,
  schema: string,
  input: Input,
): Call<Row> {
  const rows: Row[] = []
  return {
    name: statement.name,
    text: statement.text(schema),
    parameters: statement.parameters(input),
    rows,
    accept: (fields) => rows.push(statement.row(fields)),
  }
}

/** For statements that answer with nothing. */
export function noRow(): undefined {
  return undefined
}

/** A bytea column that was selected as hex. */
export function bytesOf(hex: string | null | undefined): Buffer | null {
  return hex === null || hex === undefined ? null : Buffer.from(hex, 'hex')
}
