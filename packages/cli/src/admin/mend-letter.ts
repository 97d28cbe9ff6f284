import { messageOf, TroupeError } from '@troupe/core'
import { readFile } from 'node:fs/promises'
import type { Terminal } from '../terminal/terminal.ts'
import type { Letter, LetterWhole } from './items.ts'
import { actionOf, clientOf, saysWhich } from './options.ts'
import type { DoFlags } from './selection.ts'

/** What a dead letter would be redriven with. */
interface Checked {
  readonly state: Letter['state']
  readonly was: LetterWhole['data']
  readonly unreadable: string | null
  readonly data: unknown
}

/** Redrives one dead letter with the data of a file. @returns the exit code */
export async function mendLetter(
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
  const path = `/dead-letters/${encodeURIComponent(id)}`
  if (flags.dryRun) {
    const checked = await client.post<Checked>(`${path}/check`, { data })
    const { was, unreadable, data: completed, state } = checked
    terminal.print(JSON.stringify({ dryRun: true, id, was, unreadable, data: completed }, null, 2))
    if (state !== 'redriven') terminal.note('It would be redriven with this data; nothing was changed.')
    else terminal.note(`${id} was redriven already.`)
    return state === 'redriven' ? 1 : 0
  }
  const { redriven } = await client.post<{ redriven: readonly string[] }>(`${path}/redrive`, {
    data,
    ...action,
  })
  if (flags.json) terminal.print(JSON.stringify({ selected: 1, redriven: redriven.length }, null, 2))
  terminal.note(
    redriven.length > 0
      ? `${id} was redriven with the data of ${flags.data}.`
      : `${id} was redriven already.`,
  )
  return redriven.length > 0 ? 0 : 1
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
