import { avroEvent } from '@troupe/avro'
import {
  deadLetterIdOf,
  type EventFacts,
  failureOf,
  headerNames,
  keyNameOf,
  type RawRecord,
  reaction,
  service,
  type StoredDeadLetter,
} from '@troupe/core'
import { describe, expect, it } from '@jest/globals'
import { checkMended } from './read-aside.ts'
import type { Reading } from './shapes.ts'

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
const bank = service({
  name: 'bank',
  reactions: { book: reaction({ on: Paid, emits: [], react() {} }) },
})
const gone: Reading = { data: null, unreadable: 'Nobody knows the schema 7.' }
const mended = (account: string): Paid => ({ account, cents: 5 })

describe('data that is to mend a dead letter', () => {
  it('has the key of the record where nothing else of that can be read', () => {
    expect(check('b', gone, mended('b')).completed).toEqual(mended('b'))
    expect(() => check('b', gone, mended('other'))).toThrow(/is of the key "other", and .* of "b"/)
    const long = 'b'.repeat(300)
    expect(check(long, gone, mended(long)).completed).toEqual(mended(long))
    expect(() => check(long, gone, mended(`${long}b`))).toThrow(/leave the key as it was/)
  })

  it('may have the key of the data that came, of another team that keys its records by something else', () => {
    const was: Reading = { data: mended('b'), unreadable: null }
    expect(check('a-hash', was, mended('b')).completed).toEqual(mended('b'))
    expect(() => check('a-hash', was, mended('other'))).toThrow(/is of the key "other", and .* of "b"/)
    expect(() => check(null, was, mended('other'))).toThrow(/of "b"/)
  })

  it('has any key where nobody knows which: such a record stands in no order', () => {
    expect(check(null, gone, mended('any')).completed).toEqual(mended('any'))
  })

  it('is of the type that the headers name, or of none that is known', () => {
    expect(() => check('b', gone, mended('b'), { [headerNames.type]: 'Refunded' })).toThrow(
      'bank hears no Refunded of till.events, so there is no schema to check the data of till.events/0/7 against. Redrive it as it is, or discard it.',
    )
    expect(() => check('b', gone, mended('b'), { [headerNames.type]: undefined })).toThrow(
      'Nothing says which event till.events/0/7 is: it has no ce_type header, and its bytes say nothing: Nobody knows the schema 7. So there is no schema to check the data against. Redrive it as it is, once it can be read, or discard it.',
    )
  })

  it('mends nothing where it is the headers that cannot be read', () => {
    const twice = { [headerNames.id]: [Buffer.from('1'), Buffer.from('2')] }
    const was: Reading = { data: null, unreadable: 'The header ce_id is there 2 times.' }
    expect(() => check('b', was, mended('b'), twice)).toThrow(
      /With this data, till\.events\/0\/7 could not be read either: .* ce_id 2 times.* Data mends no header/,
    )
  })
})

function check(
  key: string | null,
  was: Reading,
  data: object,
  headers: RawRecord['headers'] = {},
): ReturnType<typeof checkMended> {
  const record: RawRecord = {
    topic: 'till.events',
    partition: 0,
    offset: 7n,
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from('garbage'),
    timestampMs: 1_000,
    headers: {
      [headerNames.id]: 'event-7',
      [headerNames.type]: 'Paid',
      [headerNames.source]: 'till',
      [headerNames.correlationId]: 'saga-7',
      ...headers,
    },
  }
  const event: EventFacts = { source: 'till', id: 'event-7', type: 'Paid', saga: 'saga-7' }
  const { topic, partition, offset } = record
  const letter: StoredDeadLetter = {
    id: deadLetterIdOf(record),
    topic,
    partition,
    offset,
    record,
    key: keyNameOf(record),
    event: was.unreadable === null ? event : undefined,
    failure: failureOf(new Error('it cannot be read'), undefined),
    attempts: 1,
    redrives: 0,
    firstFailedAtMs: 1_000,
    lastFailedAtMs: 1_000,
    state: 'open',
    bytes: 7,
  }
  return checkMended(bank, { letter, was, data })
}
