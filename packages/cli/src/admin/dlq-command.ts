import { type Command, Option } from 'commander'
import type { Terminal } from '../terminal/terminal.ts'
import { changeLetters, groupsOf, letterOf } from './change-letters.ts'
import type { Letter } from './items.ts'
import { addLog } from './log-command.ts'
import { mendLetter } from './mend-letter.ts'
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
import type { DoFlags } from './selection.ts'
import { groupsTable, letterText, lettersTable } from './tables.ts'

type ListFlags = ClientFlags & FilterFlags & { readonly limit: number }

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
      const items = await groupsOf(clientOf(flags), flags)
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
    .argument(
      '<id>',
      'as the list shows it: topic/partition/offset, ~1 behind it if of a topic that was made again',
    )
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
          ? await changeLetters('redrive', ids, flags, terminal)
          : await mendLetter(ids, { ...flags, data: flags.data }, terminal),
      ),
    )
  withAction(filtered('discard', 'give dead letters up; they are kept'), 'discard')
    .argument('[ids...]', 'as the list shows them')
    .action(async (ids: readonly string[], flags: DoFlags) =>
      onExitCode(await changeLetters('discard', ids, flags, terminal)),
    )
  addLog(dlq, terminal, onExitCode)
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
  troupe dlq redrive order.events/0/4711 --data mended.json --dry-run
  troupe dlq redrive order.events/0/4711 --data mended.json --reason 'currency was missing'
  troupe dlq export --state any > letters.jsonl
  troupe dlq log --from 7d --by ada                      who did what, the latest first

Exit codes:
  0    done
  1    the service refused or did not answer, or one of those named could not be done
  2    a wrong option, or one that is missing
  130  stopped by Ctrl-C, before the first portion or between two (143: by SIGTERM)`
