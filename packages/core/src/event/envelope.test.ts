import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  type Envelope,
  envelopeOf,
  headersOf,
  type RecordHeaders,
  type RecordPlace,
  typeHeaderOf,
} from './envelope.ts'
import { refusal } from '../fixtures.test.kit.ts'
import { nameLengthMax } from '../declare/name.ts'

const place: RecordPlace = { topic: 'order.events', partition: 2, offset: '41', key: 'o1', timestampMs: 5 }
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const envelope: Envelope = {
  id: 'e1',
  type: 'OrderReceived',
  source: 'order',
  timeMs: Date.UTC(2026, 1, 3, 4, 5, 6, 789),
  key: 'o1',
  correlationId: 'saga-1',
  causationId: 'e0',
  traceparent,
  tracestate: 'vendor=1',
}

function bytesOf(headers: RecordHeaders): RecordHeaders {
  const encoder = new TextEncoder()
  return Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [name, encoder.encode(text as string)]),
  )
}

describe('an envelope as headers', () => {
  it('is the binary mode of the CloudEvents Kafka binding', () => {
    expect(headersOf(envelope)).toEqual({
      ce_specversion: '1.0',
      ce_id: 'e1',
      ce_type: 'OrderReceived',
      ce_source: 'order',
      ce_time: '2026-02-03T04:05:06.789Z',
      ce_correlationid: 'saga-1',
      ce_causationid: 'e0',
      'content-type': 'application/avro',
      traceparent,
      tracestate: 'vendor=1',
    })
  })

  it('leaves out what there is not', () => {
    const bare = { ...envelope, causationId: undefined, traceparent: undefined, tracestate: undefined }
    expect(Object.keys(headersOf(bare))).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/causation|trace/)]),
    )
  })

  it('comes back as it went, as text and as bytes', () => {
    const text = fc
      .string({ minLength: 1, maxLength: 40, unit: 'binary' })
      .filter((one) => !/[\0\uFFFD]/.test(one))
    fc.assert(
      fc.property(
        text,
        text,
        text,
        text,
        fc.date({ noInvalidDate: true }),
        (id, type, source, saga, time) => {
          const sent = { ...envelope, id, type, source, correlationId: saga, timeMs: time.getTime() }
          expect(envelopeOf(headersOf(sent), place)).toEqual(sent)
          // A byte order mark at the start is the one character that decoding takes away.
          if ([id, type, source, saga].every((one) => !one.startsWith('\uFEFF'))) {
            expect(envelopeOf(bytesOf(headersOf(sent)), place)).toEqual(sent)
          }
        },
      ),
    )
  })
})

describe('the envelope of a record', () => {
  it('takes from the record what its producer did not say', () => {
    expect(envelopeOf({ ce_type: 'OrderReceived' }, place)).toEqual({
      id: 'order.events/2/41@5',
      type: 'OrderReceived',
      source: 'order.events',
      timeMs: 5,
      key: 'o1',
      correlationId: 'o1',
      causationId: undefined,
      traceparent: undefined,
      tracestate: undefined,
    })
  })

  it('takes an empty header for an absent one, and the same twice for once', () => {
    const headers = {
      ce_type: ['OrderReceived', new TextEncoder().encode('OrderReceived')],
      ce_id: '',
      ce_source: new Uint8Array(0),
      ce_time: [],
    }
    expect(envelopeOf(headers, place)).toMatchObject({
      type: 'OrderReceived',
      id: 'order.events/2/41@5',
      source: 'order.events',
      timeMs: 5,
    })
    expect(typeHeaderOf({})).toBeUndefined()
    expect(typeHeaderOf({ ce_type: undefined })).toBeUndefined()
  })

  it('takes the saga for the key where there is no key', () => {
    expect(envelopeOf({ ce_type: 'T', ce_correlationid: 's1' }, { ...place, key: null })).toMatchObject({
      key: 's1',
      correlationId: 's1',
    })
  })

  it('takes type, key and saga from the schema where headers do not say', () => {
    const facts = { type: 'Parcel', key: () => 'p1' }
    const binaryKey = { ...place, key: '\0\uFFFD' }
    expect(envelopeOf({}, binaryKey, facts)).toMatchObject({ type: 'Parcel', key: 'p1', correlationId: 'p1' })
    expect(envelopeOf({ ce_correlationid: 's' }, binaryKey, facts)).toMatchObject({
      key: 'p1',
      correlationId: 's',
    })
    expect(envelopeOf({ ce_type: 'T' }, place, facts)).toMatchObject({
      type: 'T',
      key: 'o1',
      correlationId: 'o1',
    })
    expect(envelopeOf({ ce_type: 'T' }, { ...place, key: null }, facts)).toMatchObject({
      key: 'p1',
      correlationId: 'p1',
    })
  })

  it('tells the records of a topic that was made again from those before, and knows one that comes again', () => {
    const idAt = (timestampMs: number) => envelopeOf({ ce_type: 'T' }, { ...place, timestampMs }).id
    expect(idAt(5)).toBe(idAt(5))
    expect(idAt(6)).not.toBe(idAt(5))
  })

  it('takes the record’s own time for one that nobody can read', () => {
    expect(envelopeOf({ ce_type: 'T', ce_time: 'yesterday' }, place).timeMs).toBe(5)
  })

  it.each([
    ['no version', '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', undefined],
    ['capitals', traceparent.toUpperCase(), undefined],
    ['NUL', `${traceparent}\0`, undefined],
    [
      'a later version with more fields',
      `01${traceparent.slice(2)}-what-ever`,
      `01${traceparent.slice(2)}-what-ever`,
    ],
    ['more fields than its version has', `${traceparent}-what-ever`, undefined],
    ['a version that there will never be', `ff${traceparent.slice(2)}`, undefined],
    ['a trace of zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, undefined],
    ['a parent of zeros', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`, undefined],
    ['more than anybody reads', `01${traceparent.slice(2)}-${'x'.repeat(101)}`, undefined],
    ['a megabyte', traceparent.repeat(20_000), undefined],
    ['just right', traceparent, traceparent],
  ])('passes on a trace parent only if it is well formed: %s', (_what, sent, received) => {
    const read = envelopeOf({ ce_type: 'T', traceparent: sent, tracestate: 'a=1' }, place)
    expect(read.traceparent).toBe(received)
    expect(read.tracestate).toBe(received && 'a=1')
  })

  it.each(['x'.repeat(513), 'a=\0', 'a=ü'])(
    'drops a trace state that others need not pass on',
    (tracestate) => {
      expect(envelopeOf({ ce_type: 'T', traceparent, tracestate }, place)).toMatchObject({
        traceparent,
        tracestate: undefined,
      })
    },
  )

  it.each<[string, RecordHeaders, Partial<RecordPlace>, RegExp]>([
    ['without a type', {}, {}, /order\.events\[2\]@41 has no ce_type header/],
    ['with an empty type', { ce_type: '' }, {}, /no ce_type header/],
    ['of no saga', { ce_type: 'T' }, { key: null }, /^T at .* neither a ce_correlationid header nor a key/],
    ['with two types', { ce_type: ['T', 'U'] }, {}, /the header ce_type 2 times, with different values/],
    ['with two ids', { ce_type: 'T', ce_id: ['a', 'b', 'a'] }, {}, /ce_id 3 times/],
    ['of an empty key', { ce_type: 'T' }, { key: '' }, /belongs to no saga/],
    ['with a NUL in its id', { ce_type: 'T', ce_id: 'a\0' }, {}, /^The id of .* holds a NUL/],
    [
      'with a huge source',
      { ce_type: 'T', ce_source: 'x'.repeat(nameLengthMax + 1) },
      {},
      /^The source of .* 513/,
    ],
    ['with a huge type and no saga', { ce_type: 'T'.repeat(600) }, { key: null }, /^The type of .* 600/],
    [
      'of a saga that is no UTF-8',
      { ce_type: 'T', ce_correlationid: Uint8Array.of(0xff) },
      {},
      /^The correlation id/,
    ],
    [
      'of a key that is no text',
      { ce_type: 'T' },
      { key: '\uFFFD\uFFFD' },
      /^The correlation id .* no UTF-8/,
    ],
  ])('is refused %s', (_what, headers, where, message) => {
    const error = refusal(() => envelopeOf(headers, { ...place, ...where }))
    expect(error.code).toBe('TROUPE_ENVELOPE_INVALID')
    expect(error.message).toMatch(message)
    expect(error.message.length).toBeLessThan(300)
    expect(error.details).toMatchObject({ topic: 'order.events', partition: 2, offset: '41' })
    expect(error.details).not.toHaveProperty('key')
  })
})
