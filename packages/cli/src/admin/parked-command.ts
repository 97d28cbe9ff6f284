import { TroupeError } from '@troupe/core'
import { type Command, Option } from 'commander'
import type { Terminal } from '../terminal/terminal.ts'
import type { AdminClient } from './admin-client.ts'
import type { ParkedKey, ParkedRecord } from './items.ts'
import {
  type ClientFlags,
  clientOf,
  type FilterFlags,
  limitOption,
  queryOf,
  rateOption,
  withAction,
  withClient,
  withFilter,
} from './options.ts'
import { type Doing, type DoFlags, doToMany, type Wording } from './selection.ts'
import { parkedTable, recordsText } from './tables.ts'

type Place = Pick<ParkedKey, 'topic' | 'partition' | 'key'>
type ListFlags = ClientFlags & FilterFlags & { readonly limit: number }
type What = 'head' | 'all'

/** Adds `troupe parked` to the command line. */
export function addParked(troupe: Command, terminal: Terminal, onExitCode: (exitCode: number) => void): void {
  const parked = troupe
    .command('parked')
    .summary('see which keys a service holds back, and try them now')
    .description(
      'Keys whose first event failed: they wait with all that follows them, while the rest of their ' +
        'partitions goes on, and are tried again by themselves. Lists and shows them, tries them now, or ' +
        "gives them up, through the service's admin API.",
    )
    .addHelpText('after', parkedHelp)
  const filtered = (name: string, summary: string) =>
    withFilter(withClient(parked.command(name).summary(summary).description(summary)))
  filtered('list', 'parked keys, those that were parked first first')
    .addOption(limitOption())
    .action(async (flags: ListFlags) => onExitCode(await list(flags, terminal)))
  withClient(
    parked
      .command('show')
      .summary('what is parked for a key')
      .description('The events of a parked key, in the order in which they will be tried.'),
  )
    .argument('<key>', 'as the list shows it')
    .option('--topic <name>', 'where several topics have one of this name')
    .option('--partition <number>', 'its partition')
    .addOption(limitOption())
    .action(async (key: string, flags: ListFlags) => onExitCode(await show(key, flags, terminal)))
  withAction(filtered('retry', 'try parked keys now, those that are held too'), 'try')
    .argument('[keys...]', 'as the list shows them')
    .addOption(rateOption())
    .action(async (keys: readonly string[], flags: DoFlags) =>
      onExitCode(
        await change(keys, flags, terminal, {
          wording: triedNow,
          async act(client, places, action) {
            const { keys: tried } = await client.post<{ keys: number }>('/parked-keys/retry', {
              keys: places,
              ...action,
            })
            return tried
          },
        }),
      ),
    )
  withAction(filtered('discard', 'give up parked events; they become discarded dead letters'), 'discard')
    .argument('[keys...]', 'as the list shows them')
    .addOption(
      new Option('--what <what>', 'only the event that fails, or all that waits behind it, too')
        .choices(['head', 'all'])
        .default('head'),
    )
    .action(async (keys: readonly string[], flags: DoFlags & { readonly what: What }) =>
      onExitCode(
        await change(keys, flags, terminal, {
          wording: givenUp[flags.what],
          async act(client, places, action) {
            const { events } = await client.post<{ events: number }>('/parked-keys/discard', {
              keys: places,
              what: flags.what,
              ...action,
            })
            return events
          },
        }),
      ),
    )
}

const triedNow: Wording = {
  verb: 'try',
  names: 'keys',
  counted: 'tried',
  would: (keys) => `${many(keys, 'key')} would be tried`,
  did: (keys) => `${many(keys, 'key')} ${keys === 1 ? 'is' : 'are'} tried now`,
  others: 'nothing is parked for them any more',
}
const head: Wording = {
  verb: 'discard',
  names: 'keys',
  counted: 'events',
  would: (keys) => `The first event of ${many(keys, 'key')} would be given up`,
  did: (events) => `${many(events, 'event')} given up`,
  others: 'nothing is parked for their keys any more',
}
/** How many events there are the service knows, once it has done it. */
const givenUp: Readonly<Record<What, Wording>> = {
  head,
  all: {
    ...head,
    would: (keys) => `All events of ${many(keys, 'key')} would be given up`,
    others: undefined,
  },
}

async function list(flags: ListFlags, terminal: Terminal): Promise<number> {
  const keys = await keysOf(clientOf(flags), flags, flags.limit)
  if (flags.json) terminal.print(JSON.stringify(keys, null, 2))
  else if (keys.length === 0) terminal.note('No key is parked.')
  else terminal.print(parkedTable(keys, terminal))
  if (keys.length === flags.limit) terminal.note(`These are the first ${flags.limit}; --limit asks for more.`)
  return 0
}

async function show(key: string, flags: ListFlags, terminal: Terminal): Promise<number> {
  const client = clientOf(flags)
  const [place, other] = await keysOf(client, { ...flags, key }, 2)
  if (!place) {
    terminal.note(notParked(key))
    return 1
  }
  if (other) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `"${key}" is parked in several places, such as ${nameOf(place)} and ${nameOf(other)}. Say which: --topic, --partition.`,
    )
  }
  const query = { topic: place.topic, partition: String(place.partition), key }
  const records = await client.all<ParkedRecord>('/parked-keys/records', query, flags.limit)
  terminal.print(flags.json ? JSON.stringify(records, null, 2) : recordsText(records, terminal))
  return 0
}

function change(
  keys: readonly string[],
  flags: DoFlags,
  terminal: Terminal,
  doing: Pick<Doing<Place>, 'wording' | 'act'>,
): Promise<number> {
  const named = [...new Set(keys)]
  return doToMany<Place>({
    ...doing,
    named,
    flags,
    terminal,
    async find(client) {
      // Whole, before anything is done: a key that fails again would come back in a later page.
      const found: ParkedKey[] = []
      for (const filter of named.length > 0 ? named.map((key) => ({ key })) : [flags])
        found.push(...(await keysOf(client, filter)))
      return {
        total: found.length,
        pages: [found.map(({ topic, partition, key }) => ({ topic, partition, key }))],
        refused: named.filter((key) => !found.some((one) => one.key === key)).map(notParked),
        data: { keys: found },
        table: found.length > 0 ? parkedTable(found, terminal) : '',
      }
    },
  })
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function notParked(key: string): string {
  return `No key "${key}" is parked here.`
}

function keysOf(client: AdminClient, flags: FilterFlags, max?: number): Promise<readonly ParkedKey[]> {
  return client.all<ParkedKey>('/parked-keys', queryOf(flags), max)
}

function nameOf({ topic, partition, key }: Place): string {
  return `${topic}/${partition} ${key}`
}

const parkedHelp = `
Examples:
  export TROUPE_ADMIN_URL=http://127.0.0.1:9090 TROUPE_ADMIN_TOKEN=...
  troupe parked list                                     what waits, why, and until when
  troupe parked show order-42
  troupe parked retry order-42 --reason 'the carrier is back'
  troupe parked retry --reaction bookCarrier --reason 'the carrier is back'
  troupe parked discard order-42 --what all --reason 'a test order'

Exit codes:
  0    done
  1    the service refused or did not answer, or one of the keys named is not parked
  2    a wrong option, or one that is missing: --topic or --partition where a key is parked in several places
  130  stopped by Ctrl-C, before the first portion or between two (143: by SIGTERM)`
