import { TroupeError } from '@troupe/core'
import { type Command, Option } from 'commander'
import { hostname, userInfo } from 'node:os'
import { refusing, urlOf, wholeNumber } from '../options.ts'
import { jsonOption } from '../playing-options.ts'
import { type AdminClient, adminClient, type Query } from './admin-client.ts'

export interface ClientFlags {
  readonly admin: string
  readonly json?: true
}

export interface FilterFlags {
  readonly topic?: string
  readonly partition?: string
  readonly key?: string
  readonly event?: string
  readonly saga?: string
  readonly reaction?: string
  readonly group?: string
  readonly from?: string
  readonly until?: string
  readonly state?: string
}

export interface ActionFlags {
  readonly reason?: string
  readonly by: string
  readonly all?: true
  readonly dryRun?: true
  readonly rate?: number
}

/** Kept beside what is done. */
export interface OperatorAction {
  readonly by: string
  readonly reason: string
}

const rateMax = 100_000

/** Where the service's admin API is; its token comes from the environment only, where no process list shows it. */
export function withClient(command: Command): Command {
  return command
    .addOption(
      new Option('--admin <url>', "the service's admin API; its token is read from TROUPE_ADMIN_TOKEN")
        .env('TROUPE_ADMIN_URL')
        .argParser((text: string) => refusing(() => urlOf(text, 'http://127.0.0.1:9090')))
        .makeOptionMandatory(),
    )
    .addOption(jsonOption())
}

export function withFilter(command: Command): Command {
  return command
    .option('--event <id>', 'of this event')
    .option('--key <key>', 'of this key, as the list shows it')
    .option('--saga <id>', 'of this saga')
    .option('--group <group>', 'of this failure group')
    .option('--reaction <name>', 'that failed in this reaction')
    .option('--topic <name>', 'from this topic')
    .option('--partition <number>', 'from this partition')
    .addOption(timeOption('from', 'that failed last at this time or later'))
    .addOption(timeOption('until', 'that failed last before this time'))
}

export function withAction(command: Command, verb: string): Command {
  return command
    .option('--all', `${verb} everything, where nothing else says what`)
    .option('--reason <text>', 'why: kept in the audit table; asked for unless --dry-run')
    .addOption(
      new Option('--by <name>', 'who does it: kept beside the reason').default(
        whoami(),
        'you, on this machine',
      ),
    )
    .option('--dry-run', 'change nothing; say what it would be')
}

export function limitOption(): Option {
  return new Option('--limit <count>', 'at most so many')
    .argParser((text: string) => refusing(() => wholeNumber(text, 1, 1_000_000)))
    .default(100)
}

export function rateOption(): Option {
  return new Option('--rate <number>', 'at most so many a second (default: as fast as it goes)').argParser(
    (text: string) => refusing(() => wholeNumber(text, 1, rateMax)),
  )
}

/** @param signal gives up what is asked of it */
export function clientOf({ admin }: ClientFlags, signal?: AbortSignal): AdminClient {
  const token = process.env['TROUPE_ADMIN_TOKEN']
  if (token && !/^[\x21-\x7e]+$/.test(token))
    // Without the token: this is printed.
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      'TROUPE_ADMIN_TOKEN holds a blank, a line end or another character that no token has. Set it to the token that the service was started with.',
    )
  if (token) return adminClient({ url: admin, token, signal })
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    'TROUPE_ADMIN_TOKEN is missing. Set it to the token that the service was started with.',
  )
}

export function queryOf(flags: FilterFlags): Query {
  const { topic, partition, key, event, saga, reaction, group, from, until, state } = flags
  return { topic, partition, key, event, saga, reaction, group, from, until, state }
}

/** Whether something says which: an unset variable must not mean everything. */
export function saysWhich(flags: FilterFlags): boolean {
  return Object.values({ ...queryOf(flags), state: undefined }).some((value) => value !== undefined)
}

/** @throws TroupeError `TROUPE_SETTING_INVALID` if it is missing, or nothing says which */
export function actionOf(
  flags: ActionFlags & FilterFlags,
  named: readonly string[],
  verb: string,
): OperatorAction {
  if (named.length > 0 && (saysWhich(flags) || flags.all))
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `Name what to ${verb}, or say which by options; not both.`,
    )
  if (named.length === 0 && !saysWhich(flags) && !flags.all)
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `Nothing says what to ${verb}. Name it, say which by an option such as --group, or give --all.`,
    )
  const [by, reason = ''] = [flags.by.trim(), flags.reason?.trim()]
  if (reason === '' && !flags.dryRun)
    throw new TroupeError('TROUPE_SETTING_INVALID', `Say why: --reason "…". It is kept beside what was done.`)
  if (by === '')
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      'Say who does it: --by names nobody. Left out, it is you.',
    )
  return { by, reason }
}

export function timeOption(name: string, description: string): Option {
  return new Option(`--${name} <time>`, `${description}: 2026-05-01T12:00Z, or 15m, 2h, 3d ago`).argParser(
    (text: string) => refusing(() => timeOf(text)),
  )
}

const msOf = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** @param nowMs what a duration is counted back from */
export function timeOf(text: string, nowMs = Date.now()): string {
  const ago = /^(\d{1,6})([smhd])$/.exec(text)
  const unit = ago?.[2] as keyof typeof msOf | undefined
  const ms = unit ? nowMs - Number(ago?.[1]) * msOf[unit] : Date.parse(text)
  // Date.parse takes "1" for a year, and times without a zone for those of this machine.
  if (Number.isFinite(ms) && (unit || /^\d{4}-\d{2}-\d{2}(T.*(Z|[+-]\d{2}:\d{2}))?$/.test(text)))
    return new Date(ms).toISOString()
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `"${text}" is no time. Give one with its zone, such as 2026-05-01T12:00Z, or how long ago, such as 15m.`,
  )
}

function whoami(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    // Containers run under ids that have no name.
    return `${process.getuid?.() ?? 'somebody'}@${hostname()}`
  }
}
