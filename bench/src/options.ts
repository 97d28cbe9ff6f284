import { parseArgs } from 'node:util'
import { messageOf, TroupeError } from '@troupe/core'
import { allCases } from './cases/all.ts'

export interface Options {
  readonly help: boolean
  readonly json: boolean
  readonly isQuick: boolean
  /** Which cases to run. */
  readonly names: readonly string[]
}

/** Reads the command line. @throws TroupeError `TROUPE_SETTING_INVALID` */
export function optionsOf(words: readonly string[]): Options {
  const { help, json, quick, only } = parsed(words)
  const known = allCases.map(({ name }) => name)
  const names = only === undefined ? known : only.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `--only: there is no case "${unknown}". Take some of: ${known.join(', ')}.`,
    )
  }
  return { help: help ?? false, json: json ?? false, isQuick: quick ?? false, names }
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        help: { type: 'boolean', short: 'h' },
        json: { type: 'boolean' },
        quick: { type: 'boolean' },
        only: { type: 'string' },
      },
    }).values
  } catch (error) {
    throw new TroupeError('TROUPE_SETTING_INVALID', `${messageOf(error)}. --help says what there is.`, {
      cause: error,
    })
  }
}

/** What `--help` prints. */
export function helpText(): string {
  const width = Math.max(...allCases.map(({ name }) => name.length))
  const cases = allCases.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`)
  return `Usage: pnpm bench [options]

Measures the order story on the embedded stack: four services as processes of their own, PostgreSQL with
fsync on. A chain of plain kafkajs processes on the same broker is the reference in the same run.

Options:
  --only <name,…>  run these cases only
  --json           print one JSON document on stdout instead of a table
  --quick          a fast pass that shows that everything works; its numbers mean nothing
  --help           print this

Cases:
${cases.join('\n')}

Data goes to stdout, progress to stderr.
Exit codes: 0 all measured, 1 a case failed or an order ended otherwise than it should (problems say which),
2 wrong usage, 130 stopped by Ctrl-C.`
}
