// Which texts the server is to remember, under which names: to parse and plan one costs it several times what it
// costs to run it.
//
// Invariants
// 1. A text gets a name when it has been run twice without an error, and keeps it. So what is made with its values
//    in it, and never comes again, is remembered nowhere.
// 2. What is remembered here is bounded, and with it what every connection makes the server remember: texts that
//    come when all names are given away are run without one.

export interface StatementNames {
  /** The name under which to send it; undefined for one that is to be parsed as it comes. */
  of(text: string): string | undefined
  /** It was run. */
  ran(text: string): void
}

const namesMax = 100
const seenMax = 200
const textLengthMax = 10_000

export function createStatementNames(): StatementNames {
  const names = new Map<string, string>()
  const seen = new Set<string>()

  return {
    of: (text) => names.get(text),
    ran(text) {
      if (names.size >= namesMax || names.has(text) || text.length > textLengthMax) return
      if (seen.delete(text)) {
        names.set(text, `own ${names.size + 1}`)
        return
      }
      seen.add(text)
      const [oldest] = seen
      if (seen.size > seenMax && oldest !== undefined) seen.delete(oldest)
    },
  }
}
