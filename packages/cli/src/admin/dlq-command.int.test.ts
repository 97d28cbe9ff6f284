// What `troupe dlq` makes of an admin API's answers: one of its own, over HTTP.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { program } from '../program.ts'
import { terminalOn } from '../terminal/terminal.ts'
import type { Letter } from './items.ts'

const lettersCount = 1_500
const groupsMax = 1_000
let server: Server
/** Ids of each request that changes something. */
let changed: string[][]
/** What names the command of each. */
let commands: string[]
let isAnswering = true

beforeAll(async () => {
  process.env['TROUPE_ADMIN_TOKEN'] = 'a-token-of-24-characters'
  server = createServer((request, response) => void answer(request, response))
  // A connection that is idle on a busy machine is not closed under whoever is about to use it again.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
beforeEach(() => {
  changed = []
  commands = []
})
afterAll(async () => {
  delete process.env['TROUPE_ADMIN_TOKEN']
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

describe('what is to be done to dead letters', () => {
  it('is counted, also where they are of more groups than are listed', async () => {
    const dry = await dlq('redrive', '--all', '--dry-run', '--json')
    expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, selected: lettersCount })
    expect(dry.notes).toContain(`${lettersCount} would be redriven`)
    expect(changed).toEqual([])
    const done = await dlq('redrive', '--all', '--reason', 'why not')
    expect(done.notes).toContain(`${lettersCount} redriven.`)
    expect(changed.flat()).toHaveLength(lettersCount)
    expect([changed.length, new Set(commands).size]).toEqual([3, 1])
    await dlq('discard', 'a/0/1', '--reason', 'why not')
    expect(new Set(commands).size).toBe(2)
  })

  it('is done once to one that is named twice', async () => {
    const done = await dlq('discard', 'a/0/1', 'a/0/2', 'a/0/1', '--reason', 'why not')
    expect([done.exitCode, changed]).toEqual([0, [['a/0/1', 'a/0/2']]])
  })

  it('is not what was named and is not there, nor what is done already', async () => {
    const dry = await dlq('discard', 'a/0/1', 'a/0/404', 'a/0/2', '--dry-run', '--json')
    expect([dry.exitCode, JSON.parse(dry.out)]).toEqual([1, { dryRun: true, selected: 1, ids: ['a/0/1'] }])
    expect(dry.notes).toMatch(
      /no dead letter a\/0\/404[^]*a\/0\/2 is discarded already\.\n1 would be discarded/,
    )
    const redriven = await dlq('redrive', 'a/0/1', 'a/0/2', '--dry-run')
    expect([redriven.exitCode, redriven.notes]).toEqual([0, '2 would be redriven; nothing was changed.\n'])
  })

  it('is let be by somebody who stops the command while it is counted, and hears so', async () => {
    isAnswering = false
    try {
      const asked = once(server, 'request')
      const stopped = dlq('redrive', '--all', '--reason', 'why not')
      await asked
      process.emit('SIGINT')
      const { exitCode, notes } = await stopped
      expect([exitCode, notes]).toEqual([130, expect.stringContaining('Nothing was done.')])
      expect(changed).toEqual([])
    } finally {
      isAnswering = true
    }
  })

  it('is refused before it is sent, where it is more than the service would take', async () => {
    const ids = Array.from({ length: 500 }, (_, nth) => `${'x'.repeat(5_000)}/0/${nth}`)
    await expect(dlq('discard', ...ids, '--reason', 'why not')).rejects.toThrow(/more than the 2097152 bytes/)
  })

  it('has to be named, and asked of an admin API', async () => {
    await expect(dlq('list', '--admin', `${adminUrl()}/elsewhere`)).rejects.toThrow(
      /it is no admin API of Troupe \(GET \/dead-letters\S* gave status 404\)/,
    )
    await expect(dlq('list', '--admin', 'http://127.0.0.1:1')).rejects.toThrow(/does not answer/)
    await expect(dlq('redrive', '--reason', 'all of it')).rejects.toThrow(/Nothing says what to redrive/)
  })

  it('asks for a token that can be sent, and does not print the one it has', async () => {
    const token = process.env['TROUPE_ADMIN_TOKEN']
    process.env['TROUPE_ADMIN_TOKEN'] = 'secret\nof two lines'
    try {
      const refused = await dlq('groups').catch(String)
      expect(refused).toMatch(/TROUPE_ADMIN_TOKEN holds a blank/)
      expect(refused).not.toContain('secret')
    } finally {
      process.env['TROUPE_ADMIN_TOKEN'] = token
    }
  })
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!isAnswering) return
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://any')
  if (pathname.startsWith('/elsewhere')) {
    response.statusCode = 404
    return void response.end('<html>Here is something else.</html>')
  }
  const say = (body: object) => void response.end(JSON.stringify(body))
  const id = /\/dead-letters\/(a.+)$/.exec(decodeURIComponent(pathname))?.[1]
  if (id === 'a/0/404') {
    response.statusCode = 404
    return say({ detail: `There is no dead letter ${id}.` })
  }
  if (id !== undefined) return say(letter(id, id === 'a/0/2' ? 'discarded' : 'open'))
  if (request.method === 'POST') {
    const { ids } = (await json(request)) as { ids: string[] }
    changed.push(ids)
    commands.push(searchParams.get('command') ?? '')
    return say({ redriven: ids, discarded: ids })
  }
  if (pathname.endsWith('/dead-letter-groups')) return say({ items: groups(), next: null })
  const [after, limit] = [Number(searchParams.get('after')), Number(searchParams.get('limit'))]
  const items = Array.from({ length: Math.min(limit, lettersCount - after) }, (_, nth) => ({
    id: `till.events/0/${after + nth}`,
  }))
  say({ items, next: after + limit < lettersCount ? String(after + limit) : null })
}

function letter(id: string, state: Letter['state']): Letter {
  const failure = { reaction: 'book', code: 'x', message: 'x', stack: null, group: 'x' }
  const place = { topic: 'a', partition: 0, offset: '1', key: 'k' }
  const counts = { attempts: 1, redrives: 0, bytes: 1, firstFailedAt: at, lastFailedAt: at }
  return { id, ...place, state, event: null, failure, ...counts }
}

const at = '2026-05-01T12:00:00.000Z'

function groups(): readonly object[] {
  const one = { reaction: 'book', code: 'x', message: 'x', count: 1, firstFailedAt: at, lastFailedAt: at }
  return Array.from({ length: groupsMax }, (_, nth) => ({ ...one, group: `book-${nth}` }))
}

async function dlq(...args: readonly string[]) {
  let [out, notes, exitCode] = ['', '', 0]
  const terminal = terminalOn({ write: (text) => (out += text) }, { write: (text) => (notes += text) }, {})
  const troupe = program(terminal, (code) => {
    exitCode = code
  })
  const where = args.includes('--admin') ? [] : ['--admin', adminUrl()]
  await troupe.parseAsync(['dlq', ...args, ...where], { from: 'user' })
  return { exitCode, out, notes }
}

function adminUrl(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
