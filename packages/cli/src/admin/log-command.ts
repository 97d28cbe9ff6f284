import { operatorDeeds } from '@troupe/core'
import { type Command, Option } from 'commander'
import type { Terminal } from '../terminal/terminal.ts'
import type { Action } from './items.ts'
import { type ClientFlags, clientOf, limitOption, timeOption, withClient } from './options.ts'
import { actionLine } from './tables.ts'

type LogFlags = ClientFlags & {
  readonly by?: string
  readonly did?: Action['did']
  readonly name?: string
  readonly from?: string
  readonly until?: string
  readonly limit: number
}

/** Adds `troupe dlq log`. */
export function addLog(dlq: Command, terminal: Terminal, onExitCode: (exitCode: number) => void): void {
  withClient(
    dlq
      .command('log')
      .summary('what people have done, and why')
      .description(
        'The audit table: what was redriven, retried and discarded, by whom, when and why, the latest first. ' +
          'What one command did in several portions is one line.',
      ),
  )
    .option('--by <name>', 'by this one')
    .addOption(new Option('--did <what>', 'of this kind').choices(operatorDeeds))
    .option('--name <name>', 'to this one: the id of a dead letter, or topic/partition/key of a parked key')
    .addOption(timeOption('from', 'that began at this time or later'))
    .addOption(timeOption('until', 'that began before this time'))
    .addOption(limitOption())
    .action(async (flags: LogFlags) => onExitCode(await log(flags, terminal)))
}

async function log(flags: LogFlags, terminal: Terminal): Promise<number> {
  const { by, did, name, from, until, limit } = flags
  const found = await clientOf(flags).all<Action>('/actions', { by, did, name, from, until }, limit)
  if (flags.json) terminal.print(JSON.stringify(found, null, 2))
  else if (found.length === 0) terminal.note('There is nothing of that kind.')
  else terminal.print(found.map(actionLine).join('\n'))
  if (found.length === limit) terminal.note(`These are the latest ${limit}; --limit asks for more.`)
  return 0
}
