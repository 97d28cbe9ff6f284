import { isTroupeError, messageOf } from '@troupe/core'
import type { Terminal } from '../terminal/terminal.ts'
import type { AdminClient } from './admin-client.ts'
import type { Group, Letter, LetterWhole } from './items.ts'
import { type FilterFlags, queryOf } from './options.ts'
import { doToMany, type DoFlags, type Selection, type Wording } from './selection.ts'
import { groupsTable, lettersTable } from './tables.ts'

/** What a dead letter must be for something to be done to it, and how that is said. */
const verbs = {
  redrive: {
    path: '/dead-letters/redrive',
    states: ['open', 'discarded'],
    wording: {
      ...wordingOf('redrive', 'redriven'),
      next: 'What fails again comes back: troupe parked list, troupe dlq list.',
    },
  },
  discard: {
    path: '/dead-letters/discard',
    states: ['open'],
    wording: wordingOf('discard', 'discarded'),
  },
} as const

function wordingOf(verb: string, done: string): Wording {
  return {
    verb,
    names: 'dead letters',
    counted: done,
    would: (count) => `${count} would be ${done}`,
    did: (count) => `${count} ${done}`,
    others: 'they are unknown, or somebody was faster',
  }
}

/** Redrives or discards dead letters, those that are named or those that fit. @returns the exit code */
export function changeLetters(
  verb: keyof typeof verbs,
  named: readonly string[],
  flags: DoFlags,
  terminal: Terminal,
): Promise<number> {
  const { path, states, wording } = verbs[verb]
  const ids = [...new Set(named)]
  return doToMany<string>({
    wording,
    named: ids,
    flags,
    terminal,
    find: (client) =>
      ids.length === 0
        ? searched(client, flags, terminal)
        : flags.dryRun
          ? lookedUp(client, ids, states, terminal)
          : // The service says which of them it did.
            Promise.resolve({ total: ids.length, pages: [ids], refused: [], data: {}, table: '' }),
    async act(client, some, action) {
      const answer = await client.post<Record<string, readonly string[]>>(path, { ids: some, ...action })
      return answer[wording.counted]?.length ?? 0
    },
  })
}

async function searched(
  client: AdminClient,
  flags: FilterFlags,
  terminal: Terminal,
): Promise<Selection<string>> {
  const groups = await groupsOf(client, flags)
  return {
    total: await totalOf(groups, client, flags),
    pages: idsOf(client, flags),
    refused: [],
    data: { groups },
    table: groups.length > 0 ? groupsTable(groups, terminal) : '',
  }
}

async function lookedUp(
  client: AdminClient,
  ids: readonly string[],
  states: readonly Letter['state'][],
  terminal: Terminal,
): Promise<Selection<string>> {
  const refused: string[] = []
  const letters: Letter[] = []
  for (const id of ids) {
    const letter = await letterOf(client, id).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
      refused.push(messageOf(error))
    })
    if (letter && states.includes(letter.state)) letters.push(letter)
    else if (letter) refused.push(`${id} is ${letter.state} already.`)
  }
  const found = letters.map(({ id }) => id)
  return {
    total: found.length,
    pages: [found],
    refused,
    data: { ids: found },
    table: found.length > 0 ? lettersTable(letters, terminal) : '',
  }
}

export async function groupsOf(client: AdminClient, flags: FilterFlags): Promise<readonly Group[]> {
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

function isNotFound(error: unknown): boolean {
  return isTroupeError(error, 'TROUPE_HTTP_UNEXPECTED') && error.details['status'] === 404
}

export function letterOf(client: AdminClient, id: string): Promise<LetterWhole> {
  return client.get<LetterWhole>(`/dead-letters/${encodeURIComponent(id)}`)
}
