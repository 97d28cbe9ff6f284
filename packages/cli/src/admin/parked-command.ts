import { TroupeError } from '@troupe/core'
import { type Command, Option } from 'commander'
import type { Terminal } from '../terminal/terminal.ts'
import type { AdminClient } from './admin-client.ts'
import type { ParkedKey, ParkedRecord } from './items.ts'
import {
  type ActionFlags,
  actionOf,
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
import { parkedTable, recordsText } from './tables.ts'
import { untilStopped, workOff } from './work-off.ts'

type Place = Pick<ParkedKey, 'topic' | 'partition' | 'key'>
type ListFlags = ClientFlags & FilterFlags & { readonly limit: number }
type DoFlags = ClientFlags & FilterFlags & ActionFlags & { readonly what?: 'head' | 'all' }

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
        await change(
          { verb: 'try', done: 'are tried now', keys, flags, terminal },
          async (client, places, action) => {
            const answer = await client.post<{ keys: number }>('/parked-keys/retry', {
              keys: places,
              ...action,
            })
            return answer.keys
          },
        ),
      ),
    )
  withAction(filtered('discard', 'give up parked events; they become discarded dead letters'), 'discard')
    .argument('[keys...]', 'as the list shows them')
    .addOption(
      new Option('--what <what>', 'only the event that fails, or all that waits behind it, too')
        .choices(['head', 'all'])
        .default('head'),
    )
    .action(async (keys: readonly string[], flags: DoFlags) =>
      onExitCode(
        await change(
          { verb: 'discard', done: 'given up', keys, flags, terminal },
          async (client, places, action) => {
            await client.post('/parked-keys/discard', { keys: places, what: flags.what ?? 'head', ...action })
            return places.length
          },
        ),
      ),
    )
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
  if (!place) throw new TroupeError('TROUPE_SETTING_INVALID', `No key "${key}" is parked here.`)
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

async function change(
  {
    verb,
    done,
    keys,
    flags,
    terminal,
  }: {
    readonly verb: string
    readonly done: string
    readonly keys: readonly string[]
    readonly flags: DoFlags
    readonly terminal: Terminal
  },
  act: (client: AdminClient, places: readonly Place[], action: object) => Promise<number>,
): Promise<number> {
  const action = actionOf(flags, keys, verb)
  const client = clientOf(flags)
  const filters = keys.length > 0 ? [...new Set(keys)].map((key) => ({ key })) : [flags]
  // Whole, before anything is done: a key that fails again would come back in a later page.
  const found: ParkedKey[] = []
  for (const filter of filters) found.push(...(await keysOf(client, filter)))
  const missing = keys.filter((key) => !found.some((one) => one.key === key))
  for (const key of missing) terminal.note(`No key "${key}" is parked here.`)
  if (flags.dryRun) {
    if (flags.json)
      terminal.print(JSON.stringify({ dryRun: true, selected: found.length, keys: found }, null, 2))
    else if (found.length > 0) terminal.print(parkedTable(found, terminal))
    terminal.note(`${found.length} keys; nothing was changed.`)
    return missing.length > 0 ? 1 : 0
  }
  const places = found.map(({ topic, partition, key }) => ({ topic, partition, key }))
  return untilStopped(terminal, async (signal) => {
    const result = await workOff({
      pages: [places],
      total: places.length,
      rate: flags.rate,
      what: `keys ${done}`,
      act: (some: readonly Place[]) => act(client, some, action),
      signal,
      terminal,
    })
    if (flags.json) terminal.print(JSON.stringify({ selected: found.length, done: result.done }, null, 2))
    terminal.note(`${result.done} keys ${done}.`)
    return missing.length > 0 ? 1 : 0
  })
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
  2    a wrong option, or one that is missing
  130  stopped by Ctrl-C, between two portions (143: by SIGTERM)`
