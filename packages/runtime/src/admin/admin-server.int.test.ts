import { avroEvent } from '@troupe/avro'
import {
  type Codec,
  deadLetterIdOf,
  failureOf,
  headerNames,
  type RawRecord,
  reaction,
  service,
  TroupeError,
} from '@troupe/core'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type FakeLedger, fakeLedger, keepingLog } from '../kits/fakes.test.kit.ts'
import type { HttpServer } from '../http/http-server.ts'
import { serveAdmin } from './admin-server.ts'

interface Paid {
  readonly account: string
  readonly cents: number
  readonly receipt?: Uint8Array | null
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
      { name: 'receipt', type: ['null', 'bytes'], default: null },
    ],
  },
})
const bank = service({
  name: 'bank',
  reactions: { book: reaction({ on: Paid, emits: [], react() {} }) },
})
/** JSON in place of Avro: bytes are not what is tested here. */
const codec: Codec = {
  register: async () => {},
  schemaNameOf: () => 'schema-2',
  encode: (_type, data) => new TextEncoder().encode(JSON.stringify(data)),
  decode: (_type, bytes) => (reading ?? JSON.parse(new TextDecoder().decode(bytes))) as never,
  recordNameIn: () => '',
}
const token = 'a-token-of-24-characters'
const action = { by: 'ada', reason: 'fixed in 1.4.2' }
const place = { topic: 'till.events', partition: 0 }

/** What any bytes say, where that is no JSON. */
let reading: Paid | undefined
let ledger: FakeLedger
let server: HttpServer
let timesDue = 0
beforeEach(async () => {
  reading = undefined
  timesDue = 0
  ledger = fakeLedger()
  ledger.settings.nowMs = () => 60_000
  server = await serveAdmin(
    { service: bank, codec, ledger, log: keepingLog(), onDue: () => void (timesDue += 1) },
    { host: '127.0.0.1', port: 0, token },
  )
})
afterEach(() => server.close({ graceMs: 0 }))

describe('the admin API', () => {
  it('lets nobody in without its token, and describes itself to everybody', async () => {
    for (const given of [{}, { authorization: 'Bearer another-token-of-24-c' }, { authorization: token }]) {
      const refused = await fetch(`${server.url}/admin/v1/dead-letters`, { headers: given })
      expect([refused.status, refused.headers.get('content-type')]).toEqual([
        401,
        expect.stringContaining('application/problem+json'),
      ])
      expect(await refused.text()).not.toContain(token)
    }
    const described = (await (await fetch(`${server.url}/admin/v1/openapi.json`)).json()) as {
      openapi: string
      paths: Record<string, Record<string, { requestBody?: unknown; parameters?: readonly unknown[] }>>
    }
    expect(described.openapi).toBe('3.1.0')
    expect(Object.keys(described.paths).toSorted()).toEqual(
      [
        '/actions',
        '/dead-letter-groups',
        '/dead-letters',
        '/dead-letters/discard',
        '/dead-letters/redrive',
        '/dead-letters/{id}',
        '/dead-letters/{id}/check',
        '/dead-letters/{id}/redrive',
        '/parked-keys',
        '/parked-keys/discard',
        '/parked-keys/records',
        '/parked-keys/retry',
      ].map((path) => `/admin/v1${path}`),
    )
    expect(described.paths['/admin/v1/dead-letters/redrive']?.['post']?.requestBody).toMatchObject({
      content: {
        'application/json': { schema: { required: expect.arrayContaining(['ids', 'by', 'reason']) } },
      },
    })
    expect(described.paths['/admin/v1/dead-letters']?.['get']?.parameters).toHaveLength(12)
  })

  it('lists dead letters by what is known of them, page by page', async () => {
    bury(1, 'a')
    bury(2, 'b')
    bury(3, 'a')
    expect(await idsAt('/dead-letters?key=a')).toEqual([idOf(1), idOf(3)])
    expect(await idsAt('/dead-letters?event=event-2')).toEqual([idOf(2)])
    expect(await idsAt('/dead-letters?state=discarded')).toEqual([])
    const first = await get<{ items: readonly unknown[]; next: string }>('/dead-letters?limit=2')
    expect(first.items).toHaveLength(2)
    expect(await idsAt(`/dead-letters?limit=2&after=${first.next}`)).toEqual([idOf(3)])
    expect(await get('/dead-letter-groups')).toMatchObject({
      items: [{ count: 3, reaction: 'book', code: 'TROUPE_REACTION_FAILED', message: 'no such account' }],
    })
  })

  it('shows one whole: the event as its schema reads it, or its bytes and why they cannot be read', async () => {
    bury(1, 'a')
    bury(2, 'b', 'garbage')
    expect(await get(`/dead-letters/${encodeURIComponent(idOf(1))}`)).toMatchObject({
      data: { account: 'a', cents: 1 },
      unreadable: null,
      failure: { group: expect.stringMatching(/^book-/), stack: expect.stringContaining('Error') },
      headers: { [headerNames.type]: 'Paid' },
    })
    expect(await get(`/dead-letters/${encodeURIComponent(idOf(2))}`)).toMatchObject({
      data: null,
      unreadable: expect.stringContaining('JSON'),
      value: Buffer.from('garbage').toString('base64'),
    })
  })

  it('redrives what is named, tells what somebody else was faster with, and keeps who and why', async () => {
    bury(1, 'a')
    bury(2, 'b')
    const ids = [idOf(1), idOf(2)]
    const answers = await Promise.all([0, 1].map(() => post('/dead-letters/redrive', { ids, ...action })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(answers.flatMap(({ body }) => (body as { redriven: string[] }).redriven).toSorted()).toEqual(ids)
    expect(await get('/parked-keys')).toMatchObject({ items: [{ key: 'a', state: 'waiting' }, { key: 'b' }] })
    expect(await get('/actions')).toMatchObject({
      items: expect.arrayContaining([
        expect.objectContaining({ ...action, did: 'redrive', count: 2, names: ids }),
      ]),
    })
  })

  it('tells what people did, the latest first, and the portions of one command as one', async () => {
    for (const offset of [1, 2, 3]) bury(offset, `k${offset}`)
    const [one, two, three] = [idOf(1), idOf(2), idOf(3)]
    await post('/dead-letters/redrive?command=c-1', { ids: [one], ...action })
    await post('/dead-letters/discard', { ids: [three], by: 'bob', reason: 'a test' })
    await post('/dead-letters/redrive?command=c-1', { ids: [two], ...action })
    const told = { ...action, did: 'redrive', command: 'c-1', count: 2, portions: 2, names: [one, two] }
    expect(await get('/actions')).toMatchObject({
      items: [{ by: 'bob', command: null, count: 1, portions: 1, names: [three] }, told],
      next: null,
    })
    const first = await get<{ items: readonly unknown[]; next: string }>('/actions?limit=1')
    expect(await get(`/actions?limit=1&after=${first.next}`)).toMatchObject({ items: [told] })
    for (const [query, by] of [
      ['by=bob', ['bob']],
      ['did=redrive', ['ada']],
      [`name=${encodeURIComponent(two)}`, ['ada']],
      ['until=1970-01-01T00:00:00Z', []],
    ] as const) {
      const { items } = await get<{ items: readonly { by: string }[] }>(`/actions?${query}`)
      expect([query, items.map((its) => its.by)]).toEqual([query, by])
    }
  })

  it('redrives a mended event, which its schema was asked about, and keeps the original', async () => {
    bury(1, 'a', '{"account":"a","cents":"many"}')
    const path = `/dead-letters/${encodeURIComponent(idOf(1))}/redrive`
    const wrong = await post(path, { data: { account: 'a', cents: 'many' }, ...action })
    expect([wrong.status, wrong.body]).toEqual([
      422,
      expect.objectContaining({ detail: expect.stringContaining('cents') }),
    ])
    const elsewhere = await post(path, { data: { account: 'b', cents: 5 }, ...action })
    expect([elsewhere.status, elsewhere.body]).toEqual([
      422,
      expect.objectContaining({ detail: expect.stringContaining('key') }),
    ])
    expect(await idsAt('/dead-letters')).toEqual([idOf(1)])

    expect((await post(path, { data: { account: 'a', cents: 5 }, ...action })).body).toEqual({
      redriven: [idOf(1)],
    })
    expect(await get('/parked-keys/records?topic=till.events&partition=0&key=a')).toMatchObject({
      items: [
        {
          data: { account: 'a', cents: 5 },
          headers: { troupe_redriven_from: idOf(1), ce_dataschema: 'schema-2' },
        },
      ],
    })
    expect(await get(`/dead-letters/${encodeURIComponent(idOf(1))}`)).toMatchObject({
      state: 'redriven',
      data: { cents: 'many' },
    })
  })

  it('mends what nobody could decode, as the event that its headers name and of the key that it has', async () => {
    const { event: _, ...unread } = asideOf(1, 'b', 'garbage')
    const failure = failureOf(new Error('its schema is gone'), undefined)
    const letter = { id: idOf(1), key: 'b', failure, attempts: 1, firstFailedAtMs: 1 }
    ledger.remember({ parking: { keys: [], deadLetters: [{ ...letter, ...unread, event: undefined }] } })
    const path = `/dead-letters/${encodeURIComponent(idOf(1))}`
    for (const verb of ['check', 'redrive']) {
      const by = verb === 'redrive' ? action : {}
      const other = await post(`${path}/${verb}`, { data: { account: 'other', cents: 1 }, ...by })
      expect([verb, other]).toEqual([
        verb,
        {
          status: 422,
          body: expect.objectContaining({ detail: expect.stringMatching(/"other", .* of "b"/) }),
        },
      ])
    }
    const data = { account: 'b', cents: 1 }
    expect(await post(`${path}/check`, { data })).toEqual({
      status: 200,
      body: {
        state: 'open',
        was: null,
        unreadable: expect.stringContaining('JSON'),
        data: { ...data, receipt: null },
      },
    })
    expect([await idsAt('/dead-letters'), await get('/actions')]).toEqual([
      [idOf(1)],
      { items: [], next: null },
    ])
    expect((await post(`${path}/redrive`, { data, ...action })).body).toEqual({ redriven: [idOf(1)] })
    expect(await get('/parked-keys/records?topic=till.events&partition=0&key=b')).toMatchObject({
      items: [{ data, unreadable: null }],
    })
  })

  it('mends nothing that the service does not hear any more', async () => {
    bury(1, 'a', '{}', 'Unheard')
    const answer = await post(`/dead-letters/${encodeURIComponent(idOf(1))}/redrive`, { data: {}, ...action })
    expect(answer.body).toMatchObject({
      status: 422,
      detail: expect.stringContaining('bank hears no Unheard of till.events'),
    })
  })

  it('discards dead letters, and gives up parked events', async () => {
    bury(1, 'a')
    expect((await post('/dead-letters/discard', { ids: [idOf(1)], ...action })).body).toEqual({
      discarded: [idOf(1)],
    })
    ledger.remember({
      parking: {
        keys: [
          {
            ...place,
            key: 'b',
            form: 'park',
            records: [asideOf(2, 'b'), asideOf(3, 'b')],
            next: {
              state: 'waiting',
              delayMs: 60_000,
              attempts: 1,
              failure: failureOf(new Error('away'), 'book'),
            },
          },
        ],
        deadLetters: [],
      },
    })
    const keys = [{ ...place, key: 'b' }]
    expect(await get('/parked-keys')).toMatchObject({
      items: [{ key: 'b', events: 2, nextAt: new Date(120_000).toISOString() }],
    })
    expect((await post('/parked-keys/retry', { keys, ...action })).body).toEqual({ keys: 1 })
    expect(await get('/parked-keys')).toMatchObject({ items: [{ nextAt: new Date(60_000).toISOString() }] })
    expect((await post('/parked-keys/discard', { keys, what: 'all', ...action })).body).toEqual({ events: 2 })
    expect(await get('/parked-keys')).toEqual({ items: [], next: null })
    expect(await idsAt('/dead-letters?state=discarded')).toEqual([idOf(1), idOf(2), idOf(3)])
  })

  it('asks again for whoever meets somebody who is busy with the same keys, and says so where that lasts', async () => {
    bury(1, 'a')
    let conflicts = 3
    const { redrive } = ledger
    ledger.redrive = async (letters, by) => {
      if (conflicts-- > 0) throw new TroupeError('TROUPE_CONFLICT', 'deadlock detected')
      return redrive(letters, by)
    }
    const ids = [idOf(1)]
    expect((await post('/dead-letters/redrive', { ids, ...action })).body).toEqual({ redriven: ids })
    conflicts = 1_000
    expect(await post('/dead-letters/redrive', { ids, ...action })).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/Nothing was done/) },
    })
  })

  it('hands out what is parked for a key in small pages, since an event may be large', async () => {
    const next = {
      state: 'waiting',
      delayMs: 0,
      attempts: 1,
      failure: failureOf(new Error('x'), 'book'),
    } as const
    const records = Array.from({ length: 25 }, (_, offset) => asideOf(offset, 'a'))
    ledger.remember({
      parking: { keys: [{ ...place, key: 'a', form: 'park', next, records }], deadLetters: [] },
    })
    const path = '/parked-keys/records?topic=till.events&partition=0&key=a&limit=1000'
    const first = await get<{ items: readonly unknown[]; next: string }>(path)
    expect([first.items.length, first.next]).toEqual([20, '19'])
    expect(await get(`${path}&after=${first.next}`)).toMatchObject({
      items: Array.from({ length: 5 }, (_, nth) => ({ offset: String(20 + nth) })),
      next: null,
    })
  })

  it('shows bytes in a form that a mended event may have them in', async () => {
    bury(1, 'a')
    const path = `/dead-letters/${encodeURIComponent(idOf(1))}`
    const receipt = { base64: 'AQI=' }
    const mended = await post(`${path}/redrive`, { data: { account: 'a', cents: 1, receipt }, ...action })
    expect(mended).toEqual({ status: 200, body: { redriven: [idOf(1)] } })
    const { found } = await ledger.parkedRecords({ ...place, key: 'a' }, { after: -1n, limit: 1 })
    expect(JSON.parse(new TextDecoder().decode(found[0]?.record.value ?? undefined))).toMatchObject({
      receipt: { data: [1, 2] },
    })
    reading = { account: 'a', cents: 1, receipt: new Uint8Array([1, 2]) }
    expect(await get(path)).toMatchObject({ data: { account: 'a', cents: 1, receipt } })
  })

  it('finds what goes by the longest names that there are, and a key of no bytes', async () => {
    const longest = { topic: `till.${'x'.repeat(244)}`, partition: 0 }
    const record = { ...recordOf(1, ''), ...longest }
    const event = { source: 'till', id: 'e'.repeat(512), type: 'Paid', saga: '💶'.repeat(256) }
    const failure = failureOf(new Error('no such account'), 'book')
    const letter = { id: deadLetterIdOf(record), key: '', failure, attempts: 1, firstFailedAtMs: 1 }
    const next = { state: 'waiting', delayMs: 60_000, attempts: 1, failure } as const
    ledger.remember({
      parking: {
        keys: [{ ...longest, key: '', form: 'park', next, records: [{ record, event }] }],
        deadLetters: [{ ...letter, record, event }],
      },
    })
    expect(
      await idsAt(`/dead-letters?key=&event=${event.id}&saga=${encodeURIComponent(event.saga)}`),
    ).toEqual([letter.id])
    expect(await get(`/dead-letters/${encodeURIComponent(letter.id)}`)).toMatchObject({ id: letter.id })
    const keys = [{ ...longest, key: '' }]
    expect((await post('/parked-keys/retry', { keys, ...action })).body).toEqual({ keys: 1 })
    expect(await get(`/parked-keys/records?topic=${longest.topic}&partition=0&key=`)).toMatchObject({
      items: [{ offset: '1' }],
    })
  })

  it('tells dead letters and parked events of a topic that was made again from those at the same offsets before', async () => {
    const of = (life: number) => {
      const { record, event } = asideOf(5, 'a', `{"account":"a","cents":${life}}`)
      return { record: { ...record, ...(life === 0 ? {} : { life }) }, event }
    }
    const failure = failureOf(new Error('no such account'), 'book')
    const both = [0, 1].map((life) => ({ id: deadLetterIdOf(of(life).record), ...of(life) }))
    ledger.remember({
      parking: {
        keys: [],
        deadLetters: both.map((one) => ({ ...one, key: 'a', failure, attempts: 6, firstFailedAtMs: 1 })),
      },
    })
    const ids = both.map(({ id }) => id)
    expect(await idsAt('/dead-letters')).toEqual(ids)
    for (const [life, id] of ids.entries())
      expect(await get(`/dead-letters/${encodeURIComponent(id)}`)).toMatchObject({
        id,
        offset: '5',
        life,
        data: { account: 'a', cents: life },
      })
    for (const id of ids.toReversed())
      expect((await post('/dead-letters/redrive', { ids: [id], ...action })).body).toEqual({ redriven: [id] })
    const path = '/parked-keys/records?topic=till.events&partition=0&key=a&limit=1'
    const first = await get<{ items: readonly object[]; next: string }>(path)
    expect(first.items).toMatchObject([{ offset: '5', life: 0 }])
    expect(await get(`${path}&after=${first.next}`)).toMatchObject({ items: [{ offset: '5', life: 1 }] })
  })

  it.each<[string, string, object | undefined, number, RegExp]>([
    ['a key that none can have', '/dead-letters?key=%00', undefined, 400, /key: Holds a NUL/],
    ['a page beyond the last', '/dead-letters?after=9223372036854775808', undefined, 400, /after/],
    ['a page that is no number', '/dead-letters?after=zzz', undefined, 400, /after: Not a decimal number/],
    [
      'what is no id, and does nothing to the others',
      '/dead-letters/redrive',
      { ids: ['till.events/0/1', 'nope'], ...action },
      400,
      /"nope" is no id of a dead letter\. Ids are topic\/partition\/offset, .* Nothing was done/,
    ],
    [
      'what is no id to be given up',
      '/dead-letters/discard',
      { ids: ['a/b'], ...action },
      400,
      /"a\/b" is no id/,
    ],
    ['half a letter', '/dead-letters/discard', { ids: ['x'], by: 'ada', reason: '\ud800' }, 400, /reason/],
    ['an unknown filter', '/dead-letters?colour=red', undefined, 400, /colour/],
    ['a deed that there is none of', '/actions?did=sing', undefined, 400, /did/],
    ['a time that is none', '/dead-letters?from=yesterday', undefined, 400, /from/],
    ['a page that is too large', '/dead-letters?limit=1001', undefined, 400, /limit/],
    [
      'a letter that is not there',
      '/dead-letters/till.events%2F0%2F9',
      undefined,
      404,
      /no dead letter till\.events\/0\/9/,
    ],
    [
      'what is of a topic that is not heard',
      '/dead-letters/redrive',
      { ids: ['till.events/0/1', 'gone.events/0/1', 'gone.events/0/2'], ...action },
      422,
      /hears nothing of gone\.events .* nor 1 others .* Nothing was done/,
    ],
    ['no reason', '/dead-letters/redrive', { ids: ['x'], by: 'ada' }, 400, /reason/],
    [
      'a blank reason',
      '/dead-letters/redrive',
      { ids: ['x'], by: 'ada', reason: ' ' },
      400,
      /reason: Say why/,
    ],
    ['nobody', '/dead-letters/redrive', { ids: ['x'], by: '', reason: 'why' }, 400, /by: Say who/],
    ['no names', '/dead-letters/redrive', { ids: [], ...action }, 400, /ids/],
    [
      'too many names',
      '/dead-letters/redrive',
      { ids: Array.from({ length: 1_001 }, () => 'x'), ...action },
      400,
      /ids/,
    ],
  ])('refuses %s, and says what is wrong with it', async (_, path, body, status, detail) => {
    const answer = body ? await post(path, body) : await ask(path)
    expect([answer.status, answer.body]).toEqual([
      status,
      expect.objectContaining({ detail: expect.stringMatching(detail) }),
    ])
  })
})

function idOf(offset: number): string {
  return deadLetterIdOf(recordOf(offset, 'any'))
}

function recordOf(
  offset: number,
  key: string,
  value = `{"account":"${key}","cents":${offset}}`,
  type = 'Paid',
): RawRecord {
  return {
    ...place,
    offset: BigInt(offset),
    key: Buffer.from(key),
    value: Buffer.from(value),
    timestampMs: 1_000 + offset,
    headers: {
      [headerNames.specVersion]: '1.0',
      [headerNames.id]: `event-${offset}`,
      [headerNames.type]: type,
      [headerNames.source]: 'till',
      [headerNames.time]: '2026-05-01T12:00:00Z',
      [headerNames.correlationId]: `saga-${key}`,
    },
  }
}

function asideOf(offset: number, key: string, value?: string, type = 'Paid') {
  const event = { source: 'till', id: `event-${offset}`, type, saga: `saga-${key}` }
  return { record: recordOf(offset, key, value, type), event }
}

/** Makes a dead letter of an event. */
function bury(offset: number, key: string, value?: string, type?: string): void {
  const failure = failureOf(new Error('no such account'), 'book')
  const letter = { id: idOf(offset), key, failure, attempts: 6, firstFailedAtMs: 1_000 + offset }
  ledger.remember({
    parking: { keys: [], deadLetters: [{ ...letter, ...asideOf(offset, key, value, type) }] },
  })
}

async function ask(path: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const response = await fetch(`${server.url}/admin/v1${path}`, { ...init, headers })
  return { status: response.status, body: await response.json() }
}

function post(path: string, body: object) {
  return ask(path, { method: 'POST', body: JSON.stringify(body) })
}

async function get<Answer = unknown>(path: string): Promise<Answer> {
  const { status, body } = await ask(path)
  expect(status).toBe(200)
  return body as Answer
}

async function idsAt(path: string): Promise<readonly string[]> {
  return (await get<{ items: readonly { id: string }[] }>(path)).items.map(({ id }) => id)
}
