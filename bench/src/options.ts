import { parseArgs } from 'node:util'
import { messageOf, TroupeError } from '@troupe/core'
import type { StackAddresses } from '@troupe/testing'
import { allCases } from './cases/all.ts'

export interface Options {
  readonly help: boolean
  readonly json: boolean
  readonly isQuick: boolean
  /** Which cases to run. */
  readonly names: readonly string[]
  /** By `case.size`. */
  readonly sizes: Readonly<Record<string, number>>
  /** Where a real stack is; left out: in containers. */
  readonly addresses?: StackAddresses
}

/** Reads the command line. @throws TroupeError `TROUPE_SETTING_INVALID` */
export function optionsOf(words: readonly string[]): Options {
  const { values, positionals } = parsed(words)
  const { help = false, json = false, quick: isQuick = false, set = [] } = values
  const known = allCases.map(({ name }) => name)
  const unknown = positionals.find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(`There is no case "${unknown}". Take some of: ${known.join(', ')}.`)
  const unasked = allCases.filter(({ isOnlyWhenNamed }) => !isOnlyWhenNamed).map(({ name }) => name)
  const names = positionals.length > 0 ? positionals : unasked
  return { help, json, isQuick, names, sizes: sizesOf(set), ...addressesOf(values) }
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        json: { type: 'boolean' },
        quick: { type: 'boolean' },
        set: { type: 'string', multiple: true },
        kafka: { type: 'string' },
        registry: { type: 'string' },
        postgres: { type: 'string' },
      },
    })
  } catch (error) {
    throw new TroupeError('TROUPE_SETTING_INVALID', `${messageOf(error)}. --help says what there is.`, {
      cause: error,
    })
  }
}

function sizesOf(settings: readonly string[]): Readonly<Record<string, number>> {
  const known = allCases.flatMap(({ name, sizes }) => Object.keys(sizes).map((size) => `${name}.${size}`))
  return Object.fromEntries(
    settings.map((setting) => {
      const [, name = '', number = ''] = /^([^=]+)=(\d{1,9})$/.exec(setting) ?? []
      if (!known.includes(name))
        refuse(`--set: "${setting}" is not name=number. The names are: ${known.join(', ')}.`)
      return [name, Number(number)]
    }),
  )
}

/** All three or none. */
function addressesOf(given: Partial<StackAddresses>): { readonly addresses?: StackAddresses } {
  const { kafka, registry, postgres } = given
  if (kafka !== undefined && registry !== undefined && postgres !== undefined)
    return { addresses: { kafka, registry, postgres } }
  if (kafka === undefined && registry === undefined && postgres === undefined) return {}
  return refuse(
    'A real stack has --kafka, --registry and --postgres: give all three, or none for containers.',
  )
}

function refuse(message: string): never {
  throw new TroupeError('TROUPE_SETTING_INVALID', message)
}

/** What `--help` prints. */
export function helpText(): string {
  return `Usage: pnpm bench [case …] [options]

Measures Troupe and what it is held against, on the embedded stack, PostgreSQL with fsync on.

Options:
  --set <case>.<size>=<n>  takes so much of something, see below; may be given several times
  --kafka <host:port,…> --registry <url> --postgres <url>
                           where a real stack is; containers unless given
  --json                   print one JSON document on stdout instead of a table
  --quick                  a fast pass that shows that everything works; its numbers mean nothing
  --help                   print this

Cases, and what can be set of each (with --quick in brackets):
${allCases.map(caseText).join('\n')}

Data goes to stdout, progress to stderr.
Exit codes: 0 all measured, 1 a case failed or an order ended otherwise than it should (problems say which),
2 wrong usage, 130 stopped by Ctrl-C.`
}

function caseText({ name, title, sizes, isOnlyWhenNamed }: (typeof allCases)[number]): string {
  const lines = Object.entries(sizes).map(
    ([size, { full, quick, what }]) => `    ${size}=${full} (${quick})  ${what}`,
  )
  return [`  ${name}  ${title}${isOnlyWhenNamed ? ' (only when named)' : ''}`, ...lines].join('\n')
}
