import { describe, expect, it } from '@jest/globals'
import { terminalOn } from '../terminal/terminal.ts'
import type { LetterWhole } from './items.ts'
import { actionLine, groupsTable, lettersTable, letterText, parkedTable, recordsText } from './tables.ts'

const wild = '\u001B[2Jcleared\u009B31m\u202Ereversed\r\u2028'
const terminal = terminalOn({ columns: 80, write() {} }, { write() {} }, { NO_COLOR: '1' })
const at = '2026-05-01T12:00:00.000Z'
const failure = { reaction: wild, code: wild, message: wild, stack: `${wild}\n    at ${wild}`, group: wild }
const letter: LetterWhole = {
  id: wild,
  topic: wild,
  partition: 0,
  offset: '1',
  key: wild,
  state: 'open',
  event: { source: wild, id: wild, type: wild, saga: wild },
  failure,
  attempts: 1,
  redrives: 0,
  firstFailedAt: at,
  lastFailedAt: at,
  bytes: 1,
  headers: { [wild]: wild },
  value: 'AQI=',
  timestamp: at,
  data: { [wild]: wild },
  unreadable: null,
}
const parked = {
  topic: wild,
  partition: 0,
  key: wild,
  state: 'waiting' as const,
  events: 1,
  bytes: 1,
  since: at,
  nextAt: at,
  attempts: 1,
  failure,
  firstFailedAt: at,
  lastFailedAt: at,
  deadLetter: null,
}

describe('what others wrote', () => {
  it.each([
    ['a list of dead letters', lettersTable([letter], terminal)],
    [
      'a list of groups',
      groupsTable([{ ...failure, count: 1, firstFailedAt: at, lastFailedAt: at }], terminal),
    ],
    ['a list of parked keys', parkedTable([parked], terminal)],
    ['one dead letter', letterText(letter, terminal)],
    ['one that cannot be read', letterText({ ...letter, unreadable: wild }, terminal)],
    ['what is parked', recordsText([letter], terminal)],
    ['what people have done', actionLine({ at, by: wild, reason: wild, did: 'redrive', count: 1 })],
  ])('moves no cursor in %s', (_what, text) => {
    expect(text).toContain('reversed')
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\u2028\u202E]/u)
  })

  it('leaves every row of a list on its line', () => {
    const { length } = lettersTable([{ ...letter, key: 'a\nb' }, letter], terminal).split('\n')
    expect(length).toBe(3)
  })
})

it('says in how many portions a command did what it did, where those are several', () => {
  const action = { at, by: 'ada', reason: 'fixed', did: 'redrive' }
  expect(actionLine({ ...action, count: 1_200, portions: 3 })).toBe(
    `${at}  ada  redrive (1200, in 3 portions): fixed`,
  )
  expect(actionLine({ ...action, count: 2, portions: 1 })).toBe(`${at}  ada  redrive (2): fixed`)
})
