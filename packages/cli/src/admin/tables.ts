import Table from 'cli-table3'
import { frameless } from '../draw/frameless.ts'
import type { Colors, Terminal } from '../terminal/terminal.ts'
import type { Action, Group, Letter, LetterWhole, ParkedKey, ParkedRecord } from './items.ts'

export function lettersTable(letters: readonly Letter[], terminal: Terminal): string {
  return tableOf(
    ['id', 'event', 'key', 'reaction', 'attempts', 'failed last', 'state', 'why'],
    letters.map(({ id, event, key, failure, attempts, lastFailedAt, state }) => [
      id,
      event?.type ?? '(unreadable)',
      key,
      failure.reaction ?? '',
      String(attempts),
      minute(lastFailedAt),
      state,
      failure.message,
    ]),
    terminal,
  )
}

export function groupsTable(groups: readonly Group[], terminal: Terminal): string {
  return tableOf(
    ['count', 'group', 'reaction', 'failed first', 'failed last', 'why'],
    groups.map(({ count, group, reaction, firstFailedAt, lastFailedAt, message }) => [
      String(count),
      group,
      reaction ?? '',
      minute(firstFailedAt),
      minute(lastFailedAt),
      message,
    ]),
    terminal,
  )
}

export function parkedTable(keys: readonly ParkedKey[], terminal: Terminal): string {
  return tableOf(
    ['topic/partition', 'key', 'events', 'state', 'attempts', 'tried again', 'why'],
    keys.map(({ topic, partition, key, events, state, attempts, nextAt, failure, deadLetter }) => [
      `${topic}/${partition}`,
      key,
      String(events),
      state,
      String(attempts),
      nextAt === null ? (state === 'paused' ? 'when calls are made' : 'when told to') : second(nextAt),
      failure?.message ?? (deadLetter === null ? 'behind what was redriven' : `held for ${deadLetter}`),
    ]),
    terminal,
  )
}

/** One letter, whole: what it was, what it says, and why it failed. */
export function letterText(letter: LetterWhole, { colors }: Terminal): string {
  const { failure, event } = letter
  const facts: readonly (readonly [string, string])[] = [
    ['id', letter.id],
    ['state', letter.redrives === 0 ? letter.state : `${letter.state}, redriven ${letter.redrives} times`],
    ['key', letter.key],
    ['event', event ? `${event.type} ${event.id} of ${event.source}, saga ${event.saga}` : 'cannot be read'],
    ['reaction', failure.reaction ?? 'none: it could not be read'],
    ['failed', `${letter.attempts} times, first ${letter.firstFailedAt}, last ${letter.lastFailedAt}`],
    ['group', failure.group],
    ['why', `${failure.code}: ${failure.message}`],
  ]
  return [
    ...facts.map(([name, value]) => `${colors.dim(name.padEnd(10))}${lines(value)}`),
    ...(failure.stack === null ? [] : ['', colors.dim(lines(failure.stack))]),
    '',
    ...recordLines(letter, colors),
  ].join('\n')
}

/** What a person has done. */
export function actionLine({ at, by, did, count, reason, portions = 1 }: Action): string {
  const many = portions > 1 ? `${count}, in ${portions} portions` : String(count)
  return oneLine(`${at}  ${by}  ${did} (${many}): ${reason}`)
}

/** What is parked for one key. */
export function recordsText(records: readonly ParkedRecord[], { colors }: Terminal): string {
  return records
    .map((record) =>
      [
        colors.bold(
          oneLine(
            `offset ${record.offset}${record.life ? `~${record.life}` : ''}  ${record.event?.type ?? '(unreadable)'} ${record.event?.id ?? ''}`,
          ),
        ),
        ...recordLines(record, colors),
      ].join('\n'),
    )
    .join('\n\n')
}

function recordLines(
  { headers, data, value, unreadable }: Pick<LetterWhole, 'headers' | 'data' | 'value' | 'unreadable'>,
  colors: Colors,
): readonly string[] {
  const what =
    unreadable === null
      ? lines(JSON.stringify(data, null, 2))
      : `${colors.dim(`cannot be read: ${lines(unreadable)}`)}\n${value ?? '(no value)'}`
  return [...Object.entries(headers).map(([name, text]) => colors.dim(oneLine(`${name}: ${text}`))), what]
}

function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { colors, width }: Terminal,
): string {
  const shown = rows.map((row) => row.map(oneLine))
  const table = new Table({ ...frameless, head: head.map((text) => colors.dim(text)) })
  const before = head.map(
    (name, column) => Math.max(name.length, ...shown.map((row) => row[column]?.length ?? 0)) + 2,
  )
  // The last column says why, and takes what is left of the line.
  const left = Math.max(20, width - before.slice(0, -1).reduce((sum, one) => sum + one, 0))
  for (const row of shown) {
    const why = row.at(-1) ?? ''
    table.push([...row.slice(0, -1), why.length > left ? `${why.slice(0, left - 1)}…` : why])
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Names, errors and headers are somebody else's text: nothing of it may move the cursor. */
export function oneLine(text: string): string {
  return text.replace(unprintable, ' ')
}

/** The same for text of several lines. */
function lines(text: string): string {
  return text.split(/\r?\n/).map(oneLine).join('\n')
}

/** Control characters; line ends of other kinds; what changes the direction of what comes after it. */
const unprintable = /[\p{Cc}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu

function minute(iso: string): string {
  return iso.replace('T', ' ').slice(0, 16)
}

function second(iso: string): string {
  return iso.replace('T', ' ').slice(0, 19)
}
