// What `troupe dlq` and `troupe parked` do to many at once, in one way: find out what is meant, then say what
// would be done to it, or do it in portions.

import type { Terminal } from '../terminal/terminal.ts'
import type { AdminClient } from './admin-client.ts'
import {
  type ActionFlags,
  actionOf,
  type ClientFlags,
  clientOf,
  type FilterFlags,
  type OperatorAction,
} from './options.ts'
import { untilStopped, workOff } from './work-off.ts'

export type DoFlags = ClientFlags & FilterFlags & ActionFlags

/** What the words of a command stand for. */
export interface Selection<Name> {
  readonly total: number
  readonly pages: AsyncIterable<readonly Name[]> | Iterable<readonly Name[]>
  /** Of what was named: why it cannot be done, a sentence each. */
  readonly refused: readonly string[]
  /** As a dry run shows it, to programs and to people. */
  readonly data: object
  readonly table: string
}

/** How a command speaks of what it does. */
export interface Wording {
  readonly verb: string
  /** What is named, in the plural: `keys`. */
  readonly names: string
  /** What `--json` calls the count of what was done. */
  readonly counted: string
  /** `4 would be redriven`. @param names how many of them */
  readonly would: (names: number) => string
  /** `4 redriven`. @param count what the service has answered */
  readonly did: (count: number) => string
  /** What to know of those that were sent and not done; undefined where counts do not tell how many these are. */
  readonly others: string | undefined
  /** Said at the end, if anything was done. */
  readonly next?: string
}

export interface Doing<Name> {
  readonly wording: Wording
  /** What the command line names. */
  readonly named: readonly string[]
  readonly flags: DoFlags
  readonly terminal: Terminal
  /** Changes nothing; what it asks is given up when somebody stops the command. */
  find(client: AdminClient): Promise<Selection<Name>>
  /** One portion, in one transaction. @returns how many were done, as the service counts */
  act(client: AdminClient, names: readonly Name[], action: OperatorAction): Promise<number>
}

/** @returns the exit code: 1 if something that was named could not be done */
export function doToMany<Name>(doing: Doing<Name>): Promise<number> {
  const { wording, named, flags, terminal, act } = doing
  const action = actionOf(flags, named, wording.verb)
  return untilStopped(terminal, async (signal) => {
    const client = clientOf(flags, signal)
    const selection = await find(doing, client, signal)
    const { total, pages, refused } = selection
    for (const why of refused) terminal.note(why)
    if (flags.dryRun) {
      showOnly(selection, doing)
      return refused.length > 0 ? 1 : 0
    }
    const { rate } = flags
    const count = await workOff<Name>({
      pages,
      total,
      rate,
      names: wording.names,
      did: wording.did,
      act: (names) => act(client, names, action),
      signal,
      terminal,
    })
    const others = wording.others === undefined ? 0 : Math.max(0, count.selected - count.done)
    if (flags.json)
      terminal.print(JSON.stringify({ selected: count.selected, [wording.counted]: count.done }, null, 2))
    const rest = others > 0 ? `; ${others} not: ${wording.others}` : ''
    const next = wording.next !== undefined && count.done > 0 ? ` ${wording.next}` : ''
    terminal.note(`${wording.did(count.done)}${rest}.${next}`)
    // Of those that were searched for, somebody else has taken care.
    return named.length > 0 && refused.length + others > 0 ? 1 : 0
  })
}

async function find<Name>(
  doing: Doing<Name>,
  client: AdminClient,
  signal: AbortSignal,
): Promise<Selection<Name>> {
  try {
    const selection = await doing.find(client)
    signal.throwIfAborted()
    return selection
  } catch (error) {
    if (signal.aborted) doing.terminal.note('Nothing was done.')
    throw error
  }
}

function showOnly<Name>(
  { total, data, table }: Selection<Name>,
  { wording, flags, terminal }: Pick<Doing<Name>, 'wording' | 'flags' | 'terminal'>,
): void {
  if (flags.json) terminal.print(JSON.stringify({ dryRun: true, selected: total, ...data }, null, 2))
  else if (table !== '') terminal.print(table)
  terminal.note(`${wording.would(total)}; nothing was changed.`)
}
