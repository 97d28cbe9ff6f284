import { type SqlValue, TroupeError } from '@troupe/core'

/** A statement as it goes to the server: a text, and what it speaks of by $1, $2, … */
export interface SqlText {
  readonly text: string
  readonly values: readonly SqlValue[]
}

/** What a template says: whatever stands between its texts becomes a parameter. @throws TroupeError `TROUPE_TRANSACTION_MISUSED` */
export function fromTemplate(texts: TemplateStringsArray, values: readonly SqlValue[]): SqlText {
  if (!Array.isArray(texts) || !Array.isArray(texts.raw)) {
    throw misused(
      'sql was called like a function. Write sql`SELECT …` with backticks and without brackets, or sql.query(text, values).',
    )
  }
  const known = textOf.get(texts)
  if (known !== undefined) return withValues(known, values)
  const text = texts.reduce((all, part, place) => (place === 0 ? part : `${all}$${place}${part}`), '')
  const statement = checked(text, values)
  textOf.set(texts, text)
  return statement
}

/** Of templates that were checked: each place in the code has one, however often it is come by. */
const textOf = new WeakMap<TemplateStringsArray, string>()

/** @throws TroupeError `TROUPE_TRANSACTION_MISUSED` for what is not one statement's business */
export function checked(text: string, values: readonly SqlValue[]): SqlText {
  const verb = /^[a-z]*/i.exec(withoutCommentsBefore(text))?.[0].toUpperCase() ?? ''
  if (transactionVerbs.has(verb)) {
    throw misused(
      `\`${verb}\` is not yours to say: the transaction is begun, committed or rolled back with the ledger's. Throw to have everything undone that this event did.`,
    )
  }
  if (sessionVerbs.has(verb)) {
    throw misused(
      `\`${verb}\` would hold for whoever has the connection next. Put settings into the database's URL, or on the role.`,
    )
  }
  return withValues(text, values)
}

function withValues(text: string, values: readonly SqlValue[]): SqlText {
  const missing = values.findIndex((value) => value === undefined)
  if (missing >= 0) throw misused(`Parameter ${missing + 1} is undefined. Use null where there is nothing.`)
  return { text, values }
}

// One message carries one statement, so that nothing can stand behind the first one; and a function or procedure
// that is called within a transaction cannot end it.
const transactionVerbs = new Set([
  'ABORT',
  'BEGIN',
  'COMMIT',
  'END',
  'PREPARE',
  'RELEASE',
  'ROLLBACK',
  'SAVEPOINT',
  'START',
])
const sessionVerbs = new Set(['DEALLOCATE', 'DISCARD', 'LISTEN', 'RESET', 'SET', 'UNLISTEN'])

/** What begins with the first word. Block comments nest. */
function withoutCommentsBefore(text: string): string {
  let at = 0
  for (;;) {
    while (/\s|;/.test(text[at] ?? '')) at += 1
    if (text.startsWith('--', at)) {
      const end = text.slice(at).search(/[\r\n]/)
      if (end < 0) return ''
      at += end
    } else if (text.startsWith('/*', at)) at = afterBlock(text, at)
    else return text.slice(at)
  }
}

function afterBlock(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at += 1) {
    const two = text.slice(at, at + 2)
    if (two === '/*') depth += 1
    else if (two === '*/') depth -= 1
    else continue
    at += 1
    if (depth === 0) return at + 1
  }
  return text.length
}

export function misused(message: string): TroupeError {
  return new TroupeError('TROUPE_TRANSACTION_MISUSED', message)
}
