// What becomes of each kind of bad input, on real Kafka protocol, Avro and PostgreSQL. Every case is followed by
// a good event on the same partition: whatever the case does, it must not stand in the way.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { commandLane, headersOf, type OutgoingRecord, type RawRecord, type RecordHeaders } from '@troupe/core'
import { ensureTopics } from '@troupe/kafka'
import { postgresLedger } from '@troupe/postgres'
import { ecosystem, startTestStack, type TestStack } from '../kits/ecosystem.test.kit.ts'
import type { Settings } from '../settings/environment.ts'
import { keepingLog, until } from '../kits/fakes.test.kit.ts'
import {
  type Closing,
  connectForeign,
  foreignCodec,
  foreignProducer,
  tape,
} from '../kits/records.test.kit.ts'
import type { RunningService } from '../service/running-service.ts'

const own = ecosystem('bad')
const { PaidIn, account } = own
const log = keepingLog()
const mebibyte = 1024 * 1024

let stack: TestStack
let settings: Settings
let bank: RunningService
let lines: ReturnType<typeof keepingLog>['lines']
let dead: RawRecord[]
let publish: (record: Pick<OutgoingRecord, 'topic' | 'value'> & Partial<OutgoingRecord>) => Promise<void>
let write: (number: number, trick?: string) => Uint8Array
const closing: Closing = []

beforeAll(async () => {
  stack = await startTestStack()
  settings = await stack.settings('bad-bank', {
    topicPartitions: 1,
    unknownSchemaWaitMs: 200,
    http: { host: '127.0.0.1', port: 0 },
  })
  await ensureTopics(connectForeign(settings, 'bad', log), [
    { topic: PaidIn.topic, partitions: 1, config: { 'max.message.bytes': String(8 * mebibyte) } },
  ])
  const created = stack.create(own.bank, settings)
  bank = created.running
  lines = created.log.lines
  await bank.start()
  dead = await tape(settings, own.bank.deadLetterTopic, closing)
  publish = await foreignProducer(settings, closing)
  const codec = foreignCodec(settings)
  await codec.register([PaidIn])
  write = (number, trick = '') => codec.encode(PaidIn, { account: 'a', number, trick })
})
afterAll(async () => {
  for (const close of closing.splice(0)) await close()
  await stack?.stop()
})

/** The headers of a Troupe event. */
function headers(id: string): RecordHeaders {
  return headersOf({
    id,
    type: 'PaidIn',
    source: 'bad-counter',
    timeMs: 0,
    key: 'a',
    correlationId: 'a',
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
  })
}

let count = 0
const booked = async () => (await bank.read(account('a'))).booked

/** Publishes a record, and a good event behind it; gives what came of the first. */
async function outcomeOf(
  record: Partial<OutgoingRecord>,
): Promise<{ readonly isBooked: boolean; readonly letter: RawRecord | undefined }> {
  const [number, next] = [++count, ++count]
  const letters = dead.length
  await publish({
    topic: PaidIn.topic,
    key: 'a',
    headers: headers(`e${number}`),
    value: write(number),
    ...record,
  })
  await publish({ topic: PaidIn.topic, key: 'a', headers: headers(`e${next}`), value: write(next) })
  await until(async () => (await booked()).includes(next))
  const isBooked = (await booked()).includes(number)
  if (!isBooked) await until(() => dead.length > letters || isPassedOver(record))
  return { isBooked, letter: dead[letters] }
}

/** Cases that leave no dead letter either, by what they are. */
const isPassedOver = ({ headers: given }: Partial<OutgoingRecord>) =>
  given !== undefined && String(given['ce_type']).startsWith('Unheard')

const codeOf = (letter: RawRecord | undefined) => String(letter?.headers['troupe_error_code'])
const bytesOf = (value: unknown) => Buffer.from(value as Uint8Array)
const notUtf8 = Buffer.from([0x61, 0xff, 0xfe])

describe('an event that is good enough', () => {
  it.each<[string, () => Partial<OutgoingRecord>]>([
    ['with no key, in a saga of its own saying', () => ({ key: null })],
    ['with no saga, but a key', () => ({ headers: { ...headers(`n${count}`), ce_correlationid: '' } })],
    [
      'with neither key nor saga: its schema names the field',
      () => ({ key: null, headers: { ...headers(`b${count}`), ce_correlationid: '' } }),
    ],
    ['with a key that is no text', () => ({ key: notUtf8 })],
    ['with a payload of 2 MB', () => ({ value: write(count, 'x'.repeat(2 * mebibyte)) })],
    [
      'with a header of 1 MB',
      () => ({ headers: { ...headers(`h${count}`), theirs: Buffer.alloc(mebibyte, 1) } }),
    ],
    [
      'with foreign headers that are no UTF-8',
      () => ({ headers: { ...headers(`f${count}`), theirs: notUtf8 } }),
    ],
    ['with the same header twice', () => ({ headers: { ...headers(`t${count}`), ce_source: ['x', 'x'] } })],
    [
      'with a trace that is none',
      () => ({ headers: { ...headers(`u${count}`), traceparent: notUtf8, ce_causationid: notUtf8 } }),
    ],
  ])('%s is applied', async (_, record) => {
    count++
    const made = record()
    // The payload has the number of the moment at which it is published.
    const value = made.value ? { value: write(count + 1, 'x'.repeat(2 * mebibyte)) } : {}
    expect(await outcomeOf({ ...made, ...value })).toEqual({ isBooked: true, letter: undefined })
  })
})

describe('an event of an unknown type', () => {
  it('is passed over by its header, and counted', async () => {
    const { isBooked, letter } = await outcomeOf({ headers: { ...headers('unheard'), ce_type: 'Unheard' } })
    expect([isBooked, letter]).toEqual([false, undefined])
    const metrics = await (await fetch(`${bank.httpUrl}/metrics`)).text()
    expect(metrics).toMatch(/^troupe_events_passed_over_total\{reason="type-not-heard"\} [1-9]/m)
  })
})

describe('a record that nobody can make an event of', () => {
  const large = Buffer.alloc(2 * mebibyte, 'z')
  it.each<[string, () => Partial<OutgoingRecord>, string]>([
    ['garbage', () => ({ value: Buffer.from('not avro') }), 'TROUPE_WIRE_FORMAT_FOREIGN'],
    ['2 MB of garbage', () => ({ value: large }), 'TROUPE_WIRE_FORMAT_FOREIGN'],
    [
      'garbage without headers',
      () => ({ value: Buffer.from('not avro'), headers: {} }),
      'TROUPE_WIRE_FORMAT_FOREIGN',
    ],
    ['a cut record', () => ({ value: write(1).subarray(0, -1) }), 'TROUPE_WIRE_FORMAT_TRUNCATED'],
    ['a longer one', () => ({ value: Buffer.concat([write(1), notUtf8]) }), 'TROUPE_WIRE_FORMAT_TRUNCATED'],
    ['a tombstone with a type', () => ({ value: null }), 'TROUPE_WIRE_FORMAT_TRUNCATED'],
    [
      'failure 18: an unknown schema id',
      () => ({ value: Buffer.from([0, 0, 1, 0, 0, 1]) }),
      'TROUPE_SCHEMA_ID_UNKNOWN',
    ],
    [
      'a saga that is no UTF-8',
      () => ({ headers: { ...headers('s'), ce_correlationid: notUtf8 } }),
      'TROUPE_ENVELOPE_INVALID',
    ],
    [
      'an id that is no UTF-8',
      () => ({ headers: { ...headers('s'), ce_id: notUtf8 } }),
      'TROUPE_ENVELOPE_INVALID',
    ],
    [
      'an id of 1 MB',
      () => ({ headers: { ...headers('s'), ce_id: Buffer.alloc(mebibyte, 'i') } }),
      'TROUPE_ENVELOPE_INVALID',
    ],
    ['two ids', () => ({ headers: { ...headers('s'), ce_id: ['one', 'two'] } }), 'TROUPE_ENVELOPE_INVALID'],
  ])('%s is dead-lettered as it came', async (_, record, code) => {
    const sent = { key: Buffer.from('their key'), ...record() }
    const { isBooked, letter } = await outcomeOf(sent)
    expect([isBooked, codeOf(letter)]).toEqual([false, code])
    expect(bytesOf(letter?.key)).toEqual(sent.key)
    if (sent.value === null) expect(letter?.value).toBeNull()
    else if (sent.value) expect(bytesOf(letter?.value).equals(sent.value)).toBe(true)
    const id = sent.headers?.['ce_id']
    if (id instanceof Uint8Array) expect(bytesOf(letter?.headers['ce_id']).equals(id)).toBe(true)
    expect(lines.findLast(({ level }) => level === 'error')?.message).toContain('goes to bad-bank.dlq')
  })
})

describe('a stored document that no longer fits its type', () => {
  it('is named with the field, stays as it is, and the event is in the dead letters', async () => {
    const ledger = postgresLedger({ url: settings.databaseUrl, log })
    const name = { kind: 'account', key: 'old' }
    const state = { booked: 'yes, twice' }
    await ledger.settle({
      position: undefined,
      inbox: [],
      documentsRead: [],
      deadlines: [],
      documents: [{ ...name, expectedVersion: 0, state }],
      steps: [],
      answers: [],
      outbox: [],
      published: [],
    })
    const codec = foreignCodec(settings)
    await codec.register([PaidIn])
    const value = codec.encode(PaidIn, { account: 'old', number: 1, trick: '' })
    const letters = dead.length
    await publish({ topic: PaidIn.topic, key: 'old', headers: headers('old'), value })
    await until(() => dead.length > letters)
    expect(codeOf(dead[letters])).toBe('TROUPE_DOCUMENT_INVALID')
    expect(String(dead[letters]?.headers['__dlq.errors.message'])).toMatch(
      /^The stored document account\/old does not fit its type: booked: .*expected array/,
    )
    expect(await ledger.document(name)).toEqual({ ...name, version: 1, state })
    await ledger.close()
    expect((await outcomeOf({})).isBooked).toBe(true)
  })
})

describe('an event that must not be emitted', () => {
  let counterSettings: Settings
  let counter: RunningService
  beforeAll(async () => {
    counterSettings = await stack.settings('bad-counter', { eventBytesMax: 10_000 })
    counter = stack.create(own.counter, counterSettings).running
    await counter.start()
  })
  afterAll(() => counter?.stop())

  const ask = (input: object) => counter.decide(own.payIn, { account: 'a', number: 1, ...input })

  async function expectNothingLeft(): Promise<void> {
    expect((await counter.read(account('a'))).booked).toEqual([])
    const ledger = postgresLedger({ url: counterSettings.databaseUrl, log })
    expect((await ledger.unpublished({ lane: commandLane })).found).toEqual([])
    await ledger.close()
  }

  it('failure 19: leaves neither document nor record where its schema refuses it, and the field is named', async () => {
    await expect(ask({ number: 1.5 })).rejects.toMatchObject({
      code: 'TROUPE_EVENT_INVALID',
      message: expect.stringContaining('number must be an int'),
    })
    await expectNothingLeft()
  })

  it('failure 30: leaves neither document nor record where it is too large, and size and limit are said', async () => {
    await expect(ask({ trick: 'x'.repeat(10_000) })).rejects.toMatchObject({
      code: 'TROUPE_EVENT_TOO_LARGE',
      message: expect.stringMatching(/^PaidIn is 10[0-9]{3} bytes; the broker takes 10000/),
    })
    await expectNothingLeft()
  })

  it('is told of at the start, once, where the topic takes less than may be emitted', async () => {
    const small = ecosystem('small')
    const ofSmall = await stack.settings('small-counter')
    const config = { 'max.message.bytes': '5000' }
    await ensureTopics(connectForeign(ofSmall, 'small'), [
      { topic: small.PaidIn.topic, partitions: 1, config },
    ])
    const { running: counter, log: said } = stack.create(small.counter, ofSmall)
    await counter.start()
    const warnings = said.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
    const wanted = /small-counter\.events takes no event of more than 5000 bytes.*up to 900000 may be/
    expect(warnings.filter((message) => wanted.test(message))).toHaveLength(1)
    await counter.stop()
  })
})
