import { messageOf, TroupeError } from '@troupe/core'
import { type Command, Option } from 'commander'
import { readFile } from 'node:fs/promises'
import type { Terminal } from '../terminal/terminal.ts'
import type { AdminClient } from './admin-client.ts'
import type { Action, Group, Letter, LetterWhole } from './items.ts'
import {
  type ActionFlags,
  actionOf,
  type ClientFlags,
  clientOf,
  type FilterFlags,
  limitOption,
  queryOf,
  rateOption,
  saysWhich,
  withAction,
  withClient,
  withFilter,
} from './options.ts'
import { actionLine, groupsTable, letterText, lettersTable } from './tables.ts'
import { untilStopped, workOff } from './work-off.ts'

type ListFlags = ClientFlags & FilterFlags & { readonly limit: number }
type DoFlags = ClientFlags & FilterFlags & ActionFlags

/** Adds `troupe dlq` to the command line. */
export function addDlq(troupe: Command, terminal: Terminal, onExitCode: (exitCode: number) => void): void {
  const dlq = troupe
    .command('dlq')
    .summary('see what a service could not handle, and try it again')
    .description(
      "What a service's reactions gave up on, or could not read: lists it, shows it whole, tries it again " +
        "or discards it, through the service's admin API. A redrive goes through the inbox: what was " +
        'applied before is not applied again.',
    )
    .addHelpText('after', dlqHelp)
  const filtered = (name: string, summary: string) =>
    withFilter(withClient(dlq.command(name).summary(summary).description(summary)))

  filtered('list', 'dead letters, the oldest first')
    .addOption(stateOption())
    .addOption(limitOption())
    .action(async (flags: ListFlags) => onExitCode(await list(flags, terminal)))
  filtered('groups', 'dead letters that failed alike, those with most first')
    .addOption(stateOption())
    .action(async (flags: ClientFlags & FilterFlags) => {
      const { items } = await clientOf(flags).get<{ items: readonly Group[] }>(
        '/dead-letter-groups',
        queryOf(flags),
      )
      if (flags.json) terminal.print(JSON.stringify(items, null, 2))
      else if (items.length === 0) terminal.note('There are none.')
      else terminal.print(groupsTable(items, terminal))
      onExitCode(0)
    })
  withClient(
    dlq
      .command('show')
      .summary('one dead letter, whole')
      .description('One dead letter: its event as its schema reads it, its headers, and why it failed.'),
  )
    .argument('<id>', 'as the list shows it: topic/partition/offset')
    .action(async (id: string, flags: ClientFlags) => {
      const letter = await letterOf(clientOf(flags), id)
      terminal.print(flags.json ? JSON.stringify(letter, null, 2) : letterText(letter, terminal))
      onExitCode(0)
    })
  filtered('export', 'dead letters, whole, one JSON document a line')
    .addOption(stateOption())
    .action(async (flags: ListFlags) => onExitCode(await exportAll(flags, terminal)))
  withAction(filtered('redrive', 'try dead letters again'), 'redrive')
    .argument('[ids...]', 'as the list shows them')
    .addOption(rateOption())
    .addOption(new Option('--state <state>', 'in this state (default: open)').choices(['open', 'discarded']))
    .option(
      '--data <file>',
      'the event of one dead letter as it should have been, as JSON; its schema is asked about it',
    )
    .action(async (ids: readonly string[], flags: DoFlags & { readonly data?: string }) =>
      onExitCode(
        flags.data === undefined
          ? await change('redrive', 'redriven', ids, flags, terminal)
          : await mend(ids, { ...flags, data: flags.data }, terminal),
      ),
    )
  withAction(filtered('discard', 'give dead letters up; they are kept'), 'discard')
    .argument('[ids...]', 'as the list shows them')
    .action(async (ids: readonly string[], flags: DoFlags) =>
      onExitCode(await change('discard', 'discarded', ids, flags, terminal)),
    )
  withClient(
    dlq
      .command('log')
      .summary('what people have done, and why')
      .description('The audit table: what was redriven, retried and discarded, by whom, when and why.'),
  )
    .addOption(limitOption())
    .action(async (flags: ListFlags) => onExitCode(await actions(flags, terminal)))
}

async function list(flags: ListFlags, terminal: Terminal): Promise<number> {
  const letters = await clientOf(flags).all<Letter>('/dead-letters', queryOf(flags), flags.limit)
  if (flags.json) terminal.print(JSON.stringify(letters, null, 2))
  else if (letters.length === 0) terminal.note('There are none.')
  else terminal.print(lettersTable(letters, terminal))
  if (letters.length === flags.limit)
    terminal.note(`These are the first ${flags.limit}; --limit asks for more.`)
  return 0
}

async function exportAll(flags: ListFlags, terminal: Terminal): Promise<number> {
  const client = clientOf(flags)
  let count = 0
  for await (const page of client.pages<Letter>('/dead-letters', queryOf(flags))) {
    for (const { id } of page) {
      terminal.print(JSON.stringify(await letterOf(client, id)))
      count++
    }
  }
  terminal.note(`${count} exported.`)
  return 0
}

async function change(
  verb: 'redrive' | 'discard',
  done: 'redriven' | 'discarded',
  named: readonly string[],
  flags: DoFlags,
  terminal: Terminal,
): Promise<number> {
  const ids = [...new Set(named)]
  const action = actionOf(flags, ids, verb)
  const client = clientOf(flags)
  const groups = ids.length > 0 ? undefined : await groupsOf(client, flags)
  const total = groups ? await totalOf(groups, client, flags) : ids.length
  if (flags.dryRun) {
    if (groups && !flags.json && groups.length > 0) terminal.print(groupsTable(groups, terminal))
    if (flags.json)
      terminal.print(JSON.stringify({ dryRun: true, selected: total, groups: groups ?? [] }, null, 2))
    terminal.note(`${total} would be ${done}; nothing was changed.`)
    return 0
  }
  return untilStopped(terminal, async (signal) => {
    const result = await workOff({
      pages: ids.length > 0 ? [ids] : idsOf(client, flags),
      total,
      rate: flags.rate,
      what: done,
      act: async (some: readonly string[]) =>
        (
          await client.post<Record<string, readonly string[]>>(`/dead-letters/${verb}`, {
            ids: some,
            ...action,
          })
        )[done]?.length ?? 0,
      signal,
      terminal,
    })
    const others = result.selected - result.done
    if (flags.json)
      terminal.print(JSON.stringify({ selected: result.selected, [done]: result.done }, null, 2))
    terminal.note(
      `${result.done} ${done}${others > 0 ? `; ${others} not: they are unknown, or somebody was faster` : ''}.${verb === 'redrive' && result.done > 0 ? ' What fails again comes back: troupe parked list, troupe dlq list.' : ''}`,
    )
    // Named ones that were not done are an error; of those that were searched for, somebody else has taken care.
    return ids.length > 0 && others > 0 ? 1 : 0
  })
}

async function mend(
  ids: readonly string[],
  flags: DoFlags & { readonly data: string },
  terminal: Terminal,
): Promise<number> {
  const [id, second] = ids
  if (id === undefined || second !== undefined || saysWhich(flags) || flags.all)
    throw new TroupeError('TROUPE_SETTING_INVALID', 'With --data, name the one dead letter that it is for.')
  const data = await jsonIn(flags.data)
  const action = actionOf(flags, ids, 'redrive')
  const client = clientOf(flags)
  if (flags.dryRun) {
    const { data: was, unreadable } = await letterOf(client, id)
    terminal.print(JSON.stringify({ dryRun: true, id, was: unreadable === null ? was : null, data }, null, 2))
    terminal.note('It would be redriven with this data; nothing was changed.')
    return 0
  }
  const { redriven } = await client.post<{ redriven: readonly string[] }>(
    `/dead-letters/${encodeURIComponent(id)}/redrive`,
    { data, ...action },
  )
  if (flags.json) terminal.print(JSON.stringify({ selected: 1, redriven: redriven.length }, null, 2))
  terminal.note(
    redriven.length > 0
      ? `${id} was redriven with the data of ${flags.data}.`
      : `${id} was redriven already.`,
  )
  return redriven.length > 0 ? 0 : 1
}

async function actions(flags: ListFlags, terminal: Terminal): Promise<number> {
  const found: Action[] = []
  for await (const page of clientOf(flags).pages<Action>('/actions', {}, flags.limit)) found.push(...page)
  if (flags.json) terminal.print(JSON.stringify(found, null, 2))
  else if (found.length === 0) terminal.note('Nobody has done anything.')
  else for (const action of found) terminal.print(actionLine(action))
  if (found.length === flags.limit)
    terminal.note(`These are the first ${flags.limit}; --limit asks for more.`)
  return 0
}

async function groupsOf(client: AdminClient, flags: FilterFlags): Promise<readonly Group[]> {
  return (await client.get<{ items: readonly Group[] }>('/dead-letter-groups', queryOf(flags))).items
}

/** Groups are listed up to a number: beyond that, letters are counted. */
async function totalOf(groups: readonly Group[], client: AdminClient, flags: FilterFlags): Promise<number> {
  if (groups.length < groupsMax) return groups.reduce((sum, { count }) => sum + count, 0)
  let total = 0
  for await (const ids of idsOf(client, flags)) total += ids.length
  return total
}

const groupsMax = 1_000

async function* idsOf(client: AdminClient, flags: FilterFlags): AsyncIterable<readonly string[]> {
  for await (const page of client.pages<Letter>('/dead-letters', queryOf(flags)))
    yield page.map(({ id }) => id)
}

function letterOf(client: AdminClient, id: string): Promise<LetterWhole> {
  return client.get<LetterWhole>(`/dead-letters/${encodeURIComponent(id)}`)
}

async function jsonIn(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `${file}, which --data names, cannot be read as JSON: ${messageOf(cause)}`,
      { cause },
    )
  }
}

function stateOption(): Option {
  return new Option('--state <state>', 'in this state')
    .choices(['open', 'redriven', 'discarded', 'any'])
    .default('open')
}

const dlqHelp = `
Examples:
  export TROUPE_ADMIN_URL=http://127.0.0.1:9090 TROUPE_ADMIN_TOKEN=...
  troupe dlq groups                                      what fails, and how often
  troupe dlq list --group chargeCard-5f1c2a --from 2h
  troupe dlq show order.events/0/4711
  troupe dlq redrive --group chargeCard-5f1c2a --dry-run
  troupe dlq redrive --group chargeCard-5f1c2a --rate 200 --reason 'fixed in 1.4.2'
  troupe dlq redrive order.events/0/4711 --data mended.json --reason 'currency was missing'
  troupe dlq export --state any > letters.jsonl

Exit codes:
  0    done
  1    the service refused or did not answer, or one of those named could not be done
  2    a wrong option, or one that is missing
  130  stopped by Ctrl-C, between two portions (143: by SIGTERM)`
