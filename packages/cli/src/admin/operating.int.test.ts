// What an operator does with the command line, on a service that runs: Kafka's protocol, Avro, PostgreSQL.
import { avroEvent } from '@troupe/avro'
import { command, document, reaction, service } from '@troupe/core'
import { EventTestHarness } from '@troupe/testing'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../program.ts'
import { terminalOn } from '../terminal/terminal.ts'
import type { Letter, ParkedKey } from './items.ts'

interface Paid {
  readonly account: string
  readonly cents: number
}
const Paid = avroEvent<'Paid', Paid, Paid>({
  owner: 'till',
  schema: {
    type: 'record',
    name: 'Paid',
    namespace: 'till',
    key: 'account',
    fields: [
      { name: 'account', type: 'string' },
      { name: 'cents', type: 'int' },
    ],
  },
})
interface Closed {
  readonly account: string
  readonly nth: number
}
const Closed = avroEvent<'Closed', Closed, Closed>({
  owner: 'till',
  schema: {
    type: 'record',
    name: 'Closed',
    namespace: 'till',
    key: 'account',
    fields: [
      { name: 'account', type: 'string' },
      { name: 'nth', type: 'int' },
    ],
  },
})
const account = document<{ readonly cents: readonly number[] }>({
  name: 'account',
  initial: () => ({ cents: [] }),
})
/** What a deployment would mend. */
let isMended = false
const book = reaction({
  on: Paid,
  emits: [],
  reads: ({ data }) => [account(data.account)],
  react({ data }, { get, put }) {
    if (data.cents < 0) throw new Error(`cannot book ${data.cents} cents`)
    if (!isMended && data.account.startsWith('odd')) throw new Error(`no such account: ${data.account}`)
    put(account(data.account), { cents: [...get(account(data.account)).cents, data.cents] })
  },
})
const closings = document<{ readonly nths: readonly number[] }>({
  name: 'closings',
  initial: () => ({ nths: [] }),
})
/** Nothing goes on after an account that could not be closed, until somebody has looked. */
const close = reaction({
  on: Closed,
  emits: [],
  retry: { followers: 'hold' },
  reads: ({ data }) => [closings(data.account)],
  react({ data }, { get, put }) {
    if (!isMended) throw new Error(`${data.account} cannot be closed`)
    put(closings(data.account), { nths: [...get(closings(data.account)).nths, data.nth] })
  },
})
const end = command({
  emits: [Closed],
  react: (input: Closed, { emit }) => void emit(Closed, input),
})
const pay = command({
  emits: [Paid],
  react: (input: Paid, { emit }) => void emit(Paid, input),
})
const till = service({ name: 'till', reactions: {}, commands: { pay, end } })
const bank = service({ name: 'bank', reactions: { book, close }, retry: { attempts: 2 } })
const token = 'a-token-of-24-characters'
const folder = mkdtempSync(join(tmpdir(), 'troupe-operating-'))

let harness: EventTestHarness

beforeAll(async () => {
  harness = await EventTestHarness.start({
    services: [till, bank],
    partitions: 1,
    adminToken: token,
    timeoutMs: 60_000,
  })
  process.env['TROUPE_ADMIN_TOKEN'] = token
})

afterAll(async () => {
  delete process.env['TROUPE_ADMIN_TOKEN']
  await harness?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('an operator', () => {
  it('sees what failed, mends the cause, and has all of it handled once, each key in its order', async () => {
    isMended = false
    for (const cents of [1, 2]) for (const name of ['odd-1', 'odd-2', 'even-1']) await paid(name, cents)
    await until(async () => (await letters()).length === 4)
    await until(async () => (await cents('even-1')).length === 2)
    expect(await cents('even-1')).toEqual([1, 2])

    const groups = await troupe('dlq', 'groups')
    expect(groups.out).toMatch(/^count .*\n4 +book-\w+ +book .*no such account: odd-/)
    const [first] = await letters()
    const shown = await troupe('dlq', 'show', first?.id ?? '')
    expect(shown.out).toContain('"account": "odd-1"')
    expect(shown.out).toContain('TROUPE_REACTION_FAILED: no such account: odd-1')

    const group = first?.failure.group ?? ''
    const dry = await troupe('dlq', 'redrive', '--group', group, '--dry-run')
    expect([dry.exitCode, dry.notes]).toEqual([
      0,
      expect.stringContaining('4 would be redriven; nothing was changed.'),
    ])
    expect(await letters()).toHaveLength(4)

    isMended = true
    const done = await troupe(
      'dlq',
      'redrive',
      '--group',
      group,
      '--reason',
      'fixed',
      '--by',
      'ada',
      '--rate',
      '100',
    )
    expect([done.exitCode, done.notes]).toEqual([0, expect.stringContaining('4 redriven.')])
    await until(async () => (await cents('odd-1')).length === 2 && (await cents('odd-2')).length === 2)
    expect([await cents('odd-1'), await cents('odd-2')]).toEqual([
      [1, 2],
      [1, 2],
    ])
    expect((await troupe('dlq', 'log', '--by', 'ada')).out).toMatch(/^\S+ {2}ada {2}redrive \(4\): fixed$/)
    expect((await troupe('dlq', 'log', '--by', 'eve')).notes).toBe('There is nothing of that kind.\n')

    const again = await troupe('dlq', 'redrive', first?.id ?? '', '--reason', 'to be sure')
    expect([again.exitCode, again.notes]).toEqual([1, expect.stringContaining('0 redriven; 1 not')])
    expect(await cents('odd-1')).toEqual([1, 2])
  })

  it('mends an event that was wrong, as far as its schema lets it', async () => {
    isMended = true
    await paid('debtor', -5)
    await until(async () => (await letters()).length === 1)
    const [{ id }] = (await letters()) as [Letter]
    const mend = (data: object, ...more: readonly string[]) => {
      const file = join(folder, 'mended.json')
      writeFileSync(file, JSON.stringify(data))
      return troupe('dlq', 'redrive', id, '--data', file, '--reason', 'the sign was wrong', ...more)
    }
    await expect(mend({ account: 'debtor', cents: 'five' })).rejects.toThrow(/cents/)
    await expect(mend({ account: 'another', cents: 5 })).rejects.toThrow(/key/)
    await expect(mend({ account: 'another', cents: 5 }, '--dry-run')).rejects.toThrow(/key/)
    const dry = await mend({ account: 'debtor', cents: 5 }, '--dry-run')
    expect([dry.exitCode, JSON.parse(dry.out)]).toEqual([
      0,
      {
        dryRun: true,
        id,
        was: { account: 'debtor', cents: -5 },
        unreadable: null,
        data: { account: 'debtor', cents: 5 },
      },
    ])
    expect((await mend({ account: 'debtor', cents: 5 })).exitCode).toBe(0)
    await until(async () => (await cents('debtor')).length === 1)
    expect(await cents('debtor')).toEqual([5])
    const original = await troupe('dlq', 'show', id, '--json')
    expect(JSON.parse(original.out)).toMatchObject({
      state: 'redriven',
      data: { account: 'debtor', cents: -5 },
    })
  })

  it('discards what nobody wants, and exports it whole', async () => {
    await paid('nobody', -1)
    await until(async () => (await letters()).length === 1)
    expect((await troupe('dlq', 'discard', '--key', 'nobody', '--reason', 'a test')).exitCode).toBe(0)
    const exported = await troupe('dlq', 'export', '--state', 'discarded')
    expect(exported.out.split('\n').map((line) => JSON.parse(line) as Letter)).toEqual([
      expect.objectContaining({ key: 'nobody', state: 'discarded', data: { account: 'nobody', cents: -1 } }),
    ])
    expect(await letters()).toEqual([])
  })

  it('asks about each that is named before anything is done to it', async () => {
    const none = 'till.events/0/99999'
    const dry = await troupe('dlq', 'redrive', none, '--dry-run')
    expect([dry.exitCode, dry.notes]).toEqual([
      1,
      expect.stringMatching(/has no dead letter till\.events\/0\/99999\.[^]*\n0 would be redriven/),
    ])
    const malformed = await troupe('dlq', 'redrive', 'nope', '--dry-run')
    expect([malformed.exitCode, malformed.notes]).toEqual([
      1,
      expect.stringMatching(/no dead letter nope\. Ids are topic\/partition\/offset/),
    ])
    await expect(troupe('dlq', 'redrive', 'nope', '--reason', 'why not')).rejects.toThrow(
      /"nope" is no id of a dead letter\. Ids are topic/,
    )
    await expect(troupe('dlq', 'redrive', none, '--reason', ' ')).rejects.toThrow(/Say why: --reason/)
  })

  it('looks at a key that is held, and sets it free', async () => {
    isMended = false
    await closed('kept-1', 1, 2)
    await until(async () => isHeld(await parked(), 1))
    expect((await troupe('parked', 'list')).out).toMatch(/kept-1 +1 +held +\d+ +when told to +kept-1 cannot/)
    const shown = await troupe('parked', 'show', 'kept-1')
    expect([shown.exitCode, shown.out]).toEqual([
      0,
      expect.stringMatching(/^offset \d+ {2}Closed [^]*"nth": 2/),
    ])
    const dry = await troupe(
      'parked',
      'retry',
      '--group',
      (await parked())[0]?.failure?.group ?? '',
      '--dry-run',
    )
    expect([dry.exitCode, dry.notes]).toEqual([0, '1 key would be tried; nothing was changed.\n'])

    isMended = true
    const retried = await troupe('parked', 'retry', 'kept-1', 'nobody', '--reason', 'mended')
    expect([retried.exitCode, retried.notes]).toEqual([
      1,
      expect.stringMatching(/^No key "nobody" is parked here\.\n[^]*1 key is tried now\.\n$/),
    ])
    await until(async () => (await nths('kept-1')).length === 1)
    expect([await nths('kept-1'), await parked()]).toEqual([[2], []])
    expect((await troupe('dlq', 'redrive', '--key', 'kept-1', '--reason', 'mended')).exitCode).toBe(0)
    await until(async () => (await nths('kept-1')).length === 2)
  })

  it('gives up what is held, and is told how many events that was', async () => {
    isMended = false
    await closed('kept-2', 1, 2, 3)
    await until(async () => isHeld(await parked(), 2))
    const dry = await troupe('parked', 'discard', 'kept-2', '--what', 'all', '--dry-run', '--json')
    expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, selected: 1, keys: [{ key: 'kept-2' }] })
    expect(dry.notes).toContain('All events of 1 key would be given up; nothing was changed.')
    const head = await troupe('parked', 'discard', 'kept-2', '--reason', 'a test')
    expect([head.exitCode, head.notes]).toEqual([0, expect.stringContaining('1 event given up.')])
    // What is left is tried, fails as well, and is held.
    await until(async () => isHeld(await parked(), 1))
    const rest = await troupe('parked', 'discard', 'kept-2', '--what', 'all', '--reason', 'a test', '--json')
    expect(JSON.parse(rest.out)).toEqual({ selected: 1, events: 2 })
    expect(await parked()).toEqual([])
    const given = await troupe('dlq', 'list', '--key', 'kept-2', '--state', 'discarded', '--json')
    expect(JSON.parse(given.out)).toHaveLength(3)
  })

  it('finds no parked key where none is, and says so', async () => {
    expect(JSON.parse((await troupe('parked', 'list', '--json')).out) as ParkedKey[]).toEqual([])
    const retried = await troupe('parked', 'retry', 'order-1', '--reason', 'why not')
    expect([retried.exitCode, retried.notes]).toEqual([
      1,
      expect.stringContaining('No key "order-1" is parked here.'),
    ])
    const shown = await troupe('parked', 'show', 'order-1')
    expect([shown.exitCode, shown.notes]).toEqual([1, 'No key "order-1" is parked here.\n'])
  })
})

interface Ended {
  readonly exitCode: number
  readonly out: string
  readonly notes: string
}

async function troupe(...args: readonly string[]): Promise<Ended> {
  let [out, notes, exitCode] = ['', '', 0]
  const terminal = terminalOn(
    { columns: 200, write: (text) => (out += text) },
    { write: (text) => (notes += text) },
    {},
  )
  const troupe = program(terminal, (code) => {
    exitCode = code
  })
  await troupe.parseAsync([...args, '--admin', harness.service('bank').adminUrl ?? ''], { from: 'user' })
  return { exitCode, out: out.trimEnd(), notes }
}

async function letters(): Promise<readonly Letter[]> {
  return JSON.parse((await troupe('dlq', 'list', '--json')).out) as Letter[]
}

async function parked(): Promise<readonly ParkedKey[]> {
  return JSON.parse((await troupe('parked', 'list', '--json')).out) as ParkedKey[]
}

function isHeld([one]: readonly ParkedKey[], events: number): boolean {
  return one?.state === 'held' && one.events === events
}

async function closed(name: string, ...all: readonly number[]): Promise<void> {
  for (const nth of all) {
    const input = { account: name, nth }
    await harness.service('till').decide(end, input, { idempotencyKey: `${name}/closed/${nth}` })
  }
}

async function nths(name: string): Promise<readonly number[]> {
  return (await harness.service('bank').read(closings(name))).nths
}

async function paid(name: string, amount: number): Promise<void> {
  const input = { account: name, cents: amount }
  await harness.service('till').decide(pay, input, { idempotencyKey: `${name}/${amount}` })
}

async function cents(name: string): Promise<readonly number[]> {
  return (await harness.service('bank').read(account(name))).cents
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadlineMs = Date.now() + 60_000; !(await holds()); ) {
    if (Date.now() > deadlineMs) throw new Error('It did not come about in time.')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
