// Several statements in one round trip and one transaction.
//
// pg sends a Sync after every statement, in its pipeline mode too; then each statement is a transaction
// of its own, or needs BEGIN and COMMIT around it. Here all of them go out before a single Sync, which
// PostgreSQL runs as one implicit transaction (Frontend/Backend Protocol, "Pipelining").
//
// Invariants
// 1. One flight is one write to the socket, one Sync, one ReadyForQuery. The transaction commits at the
//    Sync: a flight has succeeded when ReadyForQuery came without an error before it, and not earlier.
// 2. After an error the server skips everything up to the Sync and rolls back, so the connection is
//    outside any transaction again and can be used.
// 3. A statement is parsed once per connection, and counts as parsed when ParseComplete says so: a Parse
//    behind an error was skipped.

import type { Client, Connection, Submittable } from 'pg'
import type { Call, Fields } from './statement.ts'

export type FlightOutcome =
  | { readonly ok: true }
  /** `statement` names the call that failed; `commit` if all of them ran. */
  | { readonly ok: false; readonly error: unknown; readonly statement: string }

/** Sends `calls` together and gathers their rows. Never rejects. */
export function fly(client: Client, calls: readonly Call[]): Promise<FlightOutcome> {
  return new Promise((resolve) => {
    client.query(flightOf(calls, resolve))
  })
}

/** The part of pg's connection that flights use; its published types ask for more arguments than it takes. */
interface Wire extends Pick<Connection, 'stream' | 'sync' | 'on' | 'off'> {
  parse(message: { name: string; text: string }): void
  bind(message: { statement: string; values: Call['parameters'] }): void
  execute(message: object): void
}

/** What pg's client calls on the query that is under way. */
interface ActiveQuery extends Submittable {
  handleDataRow(message: { readonly fields: Fields }): void
  handleCommandComplete(): void
  handleEmptyQuery(): void
  handleReadyForQuery(): void
  handleError(error: unknown): void
}

const parsedOn = new WeakMap<Wire, Set<string>>()

function flightOf(calls: readonly Call[], land: (outcome: FlightOutcome) => void): ActiveQuery {
  let completed = 0
  let rowError: { readonly error: unknown; readonly statement: string } | undefined
  let stopListening = () => {}

  const nameOfCurrent = () => calls[completed]?.name ?? 'commit'
  const finish = (outcome: FlightOutcome) => {
    stopListening()
    land(outcome)
  }

  return {
    submit(connection) {
      stopListening = send(connection as unknown as Wire, calls)
    },
    handleDataRow({ fields }) {
      if (rowError) return
      try {
        calls[completed]?.accept(fields)
      } catch (error) {
        rowError = { error, statement: nameOfCurrent() }
      }
    },
    handleCommandComplete() {
      completed += 1
    },
    handleEmptyQuery() {
      completed += 1
    },
    handleReadyForQuery() {
      finish(rowError ? { ok: false, ...rowError } : { ok: true })
    },
    handleError(error) {
      finish({ ok: false, error, statement: nameOfCurrent() })
    },
  }
}

function send(wire: Wire, calls: readonly Call[]): () => void {
  const parsed = parsedOn.get(wire) ?? new Set()
  parsedOn.set(wire, parsed)
  const parsing: string[] = []
  const onParsed = () => {
    const name = parsing.shift()
    if (name !== undefined) parsed.add(name)
  }
  wire.on('parseComplete', onParsed)

  wire.stream.cork()
  try {
    for (const { name, text, parameters } of calls) {
      if (!parsed.has(name) && !parsing.includes(name)) {
        parsing.push(name)
        wire.parse({ name, text })
      }
      wire.bind({ statement: name, values: parameters })
      wire.execute({})
    }
    wire.sync()
  } finally {
    wire.stream.uncork()
  }
  return () => wire.off('parseComplete', onParsed)
}
