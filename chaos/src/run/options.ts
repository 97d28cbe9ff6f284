import { messageOf, TroupeError } from '@troupe/core'
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { type FaultKind, faultKindNames, faultKinds } from '../faults/schedule.ts'

export interface Options {
  readonly help: boolean
  readonly json: boolean
  readonly seed: number
  /** How long orders are placed and faults injected. */
  readonly durationMs: number
  readonly orders: number
  readonly kinds: readonly FaultKind[]
  /** How long everything may take to come to rest afterwards. */
  readonly drainMs: number
  /** Keep the folder of a run in which nothing was wrong. */
  readonly keep: boolean
}

/** What a run places unless it is told otherwise. */
const ordersPerSecond = 50
const minutesDefault = 1

/** Reads the command line. @throws TroupeError `TROUPE_SETTING_INVALID` */
export function optionsOf(words: readonly string[]): Options {
  const { help, json, seed, minutes, orders, faults, keep, 'drain-minutes': drain } = parsed(words)
  const givenOrders =
    orders === undefined ? undefined : numberOf('--orders', orders, { min: 1, isWhole: true })
  const minutesGiven = minutes === undefined ? undefined : numberOf('--minutes', minutes, { min: 0.05 })
  const durationMs =
    minutesGiven !== undefined
      ? minutesGiven * 60_000
      : givenOrders !== undefined
        ? (givenOrders * 1_000) / ordersPerSecond
        : minutesDefault * 60_000
  return {
    help: help ?? false,
    json: json ?? false,
    seed: seed === undefined ? randomInt(1_000_000) : numberOf('--seed', seed, { min: 0, isWhole: true }),
    durationMs,
    orders: givenOrders ?? Math.max(1, Math.round((durationMs / 1_000) * ordersPerSecond)),
    kinds: kindsOf(faults),
    drainMs: (drain === undefined ? 3 : numberOf('--drain-minutes', drain, { min: 0.1 })) * 60_000,
    keep: keep ?? false,
  }
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        help: { type: 'boolean', short: 'h' },
        json: { type: 'boolean' },
        seed: { type: 'string' },
        minutes: { type: 'string' },
        orders: { type: 'string' },
        faults: { type: 'string' },
        'drain-minutes': { type: 'string' },
        keep: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new TroupeError('TROUPE_SETTING_INVALID', `${messageOf(error)}. --help says what there is.`, {
      cause: error,
    })
  }
}

function numberOf(
  name: string,
  text: string,
  { min, isWhole = false }: { readonly min: number; readonly isWhole?: boolean },
): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && (!isWhole || Number.isSafeInteger(value))) return value
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `${name}: "${text}" is not a ${isWhole ? 'whole ' : ''}number from ${min} on.`,
  )
}

function kindsOf(text: string | undefined): readonly FaultKind[] {
  if (text === undefined) return faultKindNames
  if (text === 'none') return []
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !Object.hasOwn(faultKinds, name))
  if (unknown !== undefined) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `--faults: there is no "${unknown}". Take none, or some of: ${faultKindNames.join(', ')}.`,
    )
  }
  return names as FaultKind[]
}

/** The command that does the same again. */
export function replayCommand({ seed, durationMs, orders, kinds }: Options): string {
  const faults = kinds.length === 0 ? ' --faults none' : ` --faults ${kinds.join(',')}`
  const all = kinds.length === faultKindNames.length
  return `npx -y pnpm@10.34.9 chaos --seed ${seed} --minutes ${durationMs / 60_000} --orders ${orders}${all ? '' : faults}`
}

/** What `--help` prints. */
export function helpText(): string {
  const width = Math.max(...faultKindNames.map((name) => name.length))
  const kinds = faultKindNames.map((name) => `  ${name.padEnd(width)}  ${faultKinds[name]}`)
  return `Usage: pnpm chaos [options]

Plays the order story with broker, registry, PostgreSQL and services as processes of their own, and places
orders while these are killed, stopped, frozen and cut off from each other. Then heals everything, waits until
nothing moves any more, and checks that nothing was lost, doubled or turned round.

Options:
  --minutes <n>        how long orders are placed and faults injected (default ${minutesDefault}, or as --orders needs)
  --orders <n>         how many orders, spread over that time (default ${ordersPerSecond} a second)
  --seed <n>           what orders, and which faults when; printed at the beginning (default: a random one)
  --faults <kind,…>    these kinds of faults only, or none (default: all)
  --drain-minutes <n>  how long everything may take to come to rest afterwards (default 3)
  --keep               keep the folder with logs and data also if nothing is wrong
  --json               print one JSON document on stdout instead of a table
  --help               print this

Faults:
${kinds.join('\n')}

Data goes to stdout, progress to stderr.
Exit codes: 0 all that must hold holds, 1 it does not (the seed, the command to do it again, and a folder with
logs and data are printed), 2 wrong usage, 130 stopped by Ctrl-C.`
}
