import type { MemoryTables } from './tables.ts'

/** Everything that effects consist of, comparable. When it came and document versions are left out: they count batches. */
export function effectsOf({ tables }: { readonly tables: MemoryTables }) {
  const { inbox, documents, steps, outbox, answers, deadlines } = tables
  return {
    inbox: [...inbox.values()].map(({ atMs: _atMs, ...entry }) => entry),
    documents: Object.fromEntries([...documents].map(([name, { state }]) => [name, state])),
    steps: Object.fromEntries(steps),
    outbox: [...outbox.values()].map(({ seq: _seq, atMs: _atMs, ...record }) => record),
    answers: [...answers.values()].map(({ atMs: _atMs, ...answer }) => answer),
    deadlines: Object.fromEntries([...deadlines].toSorted(([one], [other]) => (one < other ? -1 : 1))),
  }
}
