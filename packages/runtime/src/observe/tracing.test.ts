import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-node'
import { deadLetterHeaders, type RawRecord, reaction, service, TroupeError } from '@troupe/core'
import {
  account,
  batchOf,
  Booked,
  benchFor,
  eventType,
  PaidIn,
  payIn,
  payments,
  place,
  tricks,
  outboxLimits,
} from '../kits/bank.test.kit.ts'
import { createDecider } from '../batch/decider.ts'
import { claimPartition, type PartitionOptions } from '../batch/partition.ts'
import { caller } from './tracing-context.ts'
import { forgetSdk, type KeptSpans, registerSdk, tracingOfBank } from './tracing.test.kit.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const parent = `00-${traceId}-b7ad6b7169203331-01`

function traced(records: readonly RawRecord[], traceparent = parent, tracestate?: string): RawRecord[] {
  return records.map((record) => ({
    ...record,
    headers: { ...record.headers, traceparent, ...(tracestate === undefined ? {} : { tracestate }) },
  }))
}

async function open(change: Partial<PartitionOptions> = {}) {
  const bench = benchFor({ tracing: tracingOfBank(), ...change })
  return { ...bench, partition: await claimPartition(place, bench) }
}

function decider(bench = benchFor({ tracing: tracingOfBank() })) {
  const limits = { waitingMax: 1_000, outboxLimits }
  const { decide } = createDecider({ ...bench, batchCommandsMax: 100, ...limits })
  return { ...bench, decide }
}

const sentBy = ({ relay }: Awaited<ReturnType<typeof open>> | ReturnType<typeof decider>) =>
  relay.sent.map(({ headers }) => headers['traceparent'])

afterEach(() => {
  forgetSdk()
  tricks.clear()
})

describe('an event that is handled', () => {
  let spans: KeptSpans
  beforeEach(() => {
    spans = registerSdk()
  })

  it('is a span below that of its emission, and what it causes is one below it', async () => {
    const bank = await open()
    await bank.partition.take(batchOf(traced(payments(0, [{}]), parent, 'vendor=1')))
    expect(spans.told()).toEqual([
      'batch review.counter.events',
      'create review.bank.events',
      'process review.counter.events applied',
    ])
    const [handled] = spans.named('process review.counter.events')
    const [created] = spans.named('create review.bank.events')
    expect(handled).toMatchObject({
      kind: SpanKind.CONSUMER,
      parentSpanContext: { traceId, spanId: 'b7ad6b7169203331', isRemote: true },
    })
    expect(created?.parentSpanContext?.spanId).toBe(handled?.spanContext().spanId)
    expect(sentBy(bank)).toEqual([`00-${traceId}-${created?.spanContext().spanId}-01`])
    expect(bank.relay.sent[0]?.headers['tracestate']).toBe('vendor=1')
    expect([...bank.ledger.tables.outbox.values()].map(({ headers }) => headers['traceparent'])).toEqual(
      sentBy(bank),
    )
  })

  it.each(['', 'nonsense', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, 'x'.repeat(1_000_000)])(
    'begins a trace of its own where it comes with none that is one',
    async (traceparent) => {
      const bank = await open()
      await bank.partition.take(batchOf(traced(payments(0, [{}]), traceparent)))
      const [handled] = spans.named('process review.counter.events')
      expect(handled?.parentSpanContext).toBeUndefined()
      expect(sentBy(bank)[0]).toContain(`00-${handled?.spanContext().traceId}-`)
    },
  )

  it('says that it came twice, and emits nothing the second time', async () => {
    const bank = await open()
    await bank.partition.take(batchOf(traced(payments(0, [{ id: 'same' }, { id: 'same' }]))))
    await bank.partition.take(batchOf(traced(payments(2, [{ id: 'same' }]))))
    expect(spans.told().filter((span) => !span.startsWith('batch'))).toEqual([
      'create review.bank.events',
      'process review.counter.events applied',
      'process review.counter.events duplicate',
      'process review.counter.events duplicate',
    ])
  })

  it('makes no span when it comes again after it was settled', async () => {
    const bank = await open()
    const batch = batchOf(traced(payments(0, [{}])))
    await bank.partition.take(batch)
    spans.clear()
    await bank.partition.take(batch)
    expect(spans.all()).toEqual([])
  })

  it('is one span, with one emission, however often a conflict has it decided again', async () => {
    const bank = await open()
    let settles = 0
    bank.ledger.before = (method) => {
      if (method === 'settle' && ++settles < 3) throw new TroupeError('TROUPE_CONFLICT', 'Busy.')
    }
    await bank.partition.take(batchOf(traced(payments(0, [{}]))))
    expect(spans.told()).toEqual([
      'batch review.counter.events',
      'create review.bank.events',
      'process review.counter.events applied',
    ])
    expect(sentBy(bank)).toEqual([
      expect.stringContaining(spans.named('create review.bank.events')[0]?.spanContext().spanId ?? '?'),
    ])
  })

  it('is one span, however the database’s refusal of a neighbour has the batch halved', async () => {
    const bank = await open()
    bank.ledger.before = (_method, settlement) => {
      const isRefused = settlement?.outbox.some(
        ({ topic, value }) => topic === Booked.topic && String(value && Buffer.from(value)).includes(':2}'),
      )
      if (isRefused) throw new TroupeError('TROUPE_REACTION_FAILED', 'Not this one.')
    }
    await bank.partition.take(batchOf(traced(payments(0, [{}, {}, {}, {}]))))
    expect(spans.told().filter((span) => span.startsWith('process'))).toEqual([
      'process review.counter.events applied',
      'process review.counter.events applied',
      'process review.counter.events dead-lettered TROUPE_REACTION_FAILED ERROR',
      'process review.counter.events applied',
    ])
    expect(spans.named('create review.bank.events')).toHaveLength(3)
  })

  it('says why it was dead-lettered, keeps its letter’s headers, and its log line names the trace', async () => {
    const bank = await open()
    tricks.set('throw', () => {
      throw new RangeError('could not tell')
    })
    const [good, bad] = traced(payments(0, [{}, { trick: 'throw' }]))
    if (!good || !bad) throw new Error('two were made')
    const foreign = { ...bad, offset: 2n, value: Buffer.from('?') }
    await bank.partition.take(batchOf([good, bad, foreign]))
    const handled = spans.named('process review.counter.events')
    expect(handled.map(({ attributes }) => attributes['error.type'])).toEqual([
      undefined,
      'RangeError',
      'TROUPE_WIRE_FORMAT_FOREIGN',
    ])
    expect(handled[1]).toMatchObject({
      status: { message: 'could not tell' },
      events: [{ name: 'exception', attributes: { 'exception.message': 'could not tell' } }],
      attributes: { 'troupe.dead_letter.topic': 'review.bank.dlq', 'troupe.attempts': 1 },
    })
    expect(handled[2]?.spanContext().traceId).toBe(traceId)
    const letters = bank.relay.sent.filter(({ topic }) => topic === 'bank.dlq')
    expect(letters.map(({ headers }) => headers['traceparent'])).toEqual([parent, parent])
    expect(letters[0]?.headers[deadLetterHeaders.message]).toBe('could not tell')
    const errors = bank.log.lines.filter(({ level }) => level === 'error')
    expect(errors.map(({ facts }) => facts['trace_id'])).toEqual([traceId, traceId])
  })

  it('is abandoned, and emitted nothing, when another owner has the partition', async () => {
    const bank = await open()
    await bank.ledger.claim(place)
    const batch = batchOf(traced(payments(0, [{}])))
    await expect(bank.partition.take(batch)).rejects.toMatchObject({ code: 'TROUPE_FENCED' })
    expect(spans.told()).toEqual([
      'batch review.counter.events TROUPE_FENCED ERROR',
      'process review.counter.events abandoned TROUPE_FENCED',
    ])
  })

  it('is settled in a span that links to all of a batch, and to nothing else', async () => {
    const bank = await open()
    const others = traced(payments(1, [{}]), `00-${'f'.repeat(32)}-b7ad6b7169203331-01`)
    await bank.partition.take(batchOf([...traced(payments(0, [{}])), ...others]))
    const [batch] = spans.named('batch review.counter.events')
    expect(batch?.parentSpanContext).toBeUndefined()
    expect(batch?.links.map(({ context: { spanId } }) => spanId)).toEqual(
      spans.named('process review.counter.events').map((span) => span.spanContext().spanId),
    )
  })

  it('is not recorded where its trace is not, and hands on that it is not', async () => {
    const bank = await open()
    await bank.partition.take(batchOf(traced(payments(0, [{}]), `00-${traceId}-b7ad6b7169203331-00`)))
    expect(spans.all()).toEqual([])
    expect(sentBy(bank)).toEqual([expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`))])
  })
})

describe('a call to the outside', () => {
  const Charged = eventType<'Charged', { account: string }>('Charged', 'bank')
  function chargingBank(call: (number: number) => unknown) {
    const charge = reaction({
      on: PaidIn,
      emits: [Charged],
      reads: ({ data }) => [account(data.account)],
      perform: ({ data }) => call(data.cents) as Promise<void>,
      react: ({ data }, { emit }) => emit(Charged, { account: data.account }),
    })
    return service({ name: 'bank', reactions: { charge } })
  }

  it('is a span for each attempt, active while it lasts, and its line names the trace', async () => {
    const spans = registerSdk()
    let attempts = 0
    const bank = await open({
      service: chargingBank(() => {
        trace.getTracer('client').startSpan('POST').end()
        if (++attempts < 3) throw new TypeError('busy')
      }),
    })
    await bank.partition.take(batchOf(traced(payments(0, [{}]))))
    const performs = spans.named('perform charge')
    expect(
      performs.map(({ attributes }) => [attributes['troupe.attempt'], attributes['error.type']]),
    ).toEqual([
      [1, 'TypeError'],
      [2, 'TypeError'],
      [3, undefined],
    ])
    const [handled] = spans.named('process review.counter.events')
    for (const one of performs) expect(one.parentSpanContext?.spanId).toBe(handled?.spanContext().spanId)
    expect(spans.named('POST').map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      performs.map((one) => one.spanContext().spanId),
    )
    const warnings = bank.log.lines.filter(({ level }) => level === 'warn')
    expect(warnings.map(({ facts }) => facts['trace_id'])).toEqual([traceId, traceId])
  })

  it('sees its own span also while many are under way, in any order', async () => {
    const spans = registerSdk()
    const seen = new Map<number, string | undefined>()
    const calls: (() => void)[] = []
    const bank = await open({
      service: chargingBank(async (number) => {
        await new Promise<void>((resolve) => {
          calls.push(resolve)
          if (calls.length === 20) for (const call of calls.toReversed()) call()
        })
        seen.set(number, trace.getActiveSpan()?.spanContext().traceId)
      }),
    })
    const all = Array.from({ length: 20 }, (_, n) => ({ account: `a${n}` }))
    const records = payments(0, all).flatMap((record, n) => {
      const own = n.toString(16).padStart(32, 'a')
      return traced([record], `00-${own}-b7ad6b7169203331-01`)
    })
    await bank.partition.take(batchOf(records))
    expect(seen.size).toBe(20)
    for (const [number, id] of seen) expect(id).toBe(number.toString(16).padStart(32, 'a'))
    expect(spans.named('perform charge')).toHaveLength(20)
  })
})

describe('a command', () => {
  it('is a span in the trace of whoever asks, and so are its events, not those of its neighbours', async () => {
    const spans = registerSdk()
    const bank = decider()
    const tracer = trace.getTracer('callers')
    const callers = [1, 2, 3].map((n) => tracer.startSpan(`caller ${n}`))
    await Promise.all(
      callers.map((one, n) =>
        context.with(trace.setSpan(ROOT_CONTEXT, one), () =>
          bank.decide(payIn, { account: `a${n}`, cents: 1 }),
        ),
      ),
    )
    const decided = spans.named('decide payIn')
    expect(decided.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      callers.map((one) => one.spanContext().spanId),
    )
    const created = spans.named('create review.bank.events')
    expect(created.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      decided.map((one) => one.spanContext().spanId),
    )
    expect(sentBy(bank)).toEqual(
      created.map((one) => `00-${one.spanContext().traceId}-${one.spanContext().spanId}-01`),
    )
  })

  it('says that it was answered before, or what it was refused for', async () => {
    const spans = registerSdk()
    const bank = decider()
    tricks.set('throw', () => {
      throw new RangeError('no such account')
    })
    const pay = (change: object = {}) =>
      bank.decide(payIn, { account: 'a', cents: 1, ...change }, { idempotencyKey: 'k' })
    await pay()
    await pay()
    await expect(pay({ cents: 2 })).rejects.toThrow(/was used for another/)
    await expect(bank.decide(payIn, { account: 'a', cents: 1, trick: 'throw' })).rejects.toThrow(RangeError)
    expect(spans.told().filter((span) => span.startsWith('decide'))).toEqual([
      'decide payIn applied',
      'decide payIn duplicate',
      'decide payIn refused TROUPE_IDEMPOTENCY_KEY_REUSED ERROR',
      'decide payIn refused RangeError ERROR',
    ])
    expect(spans.named('create review.bank.events')).toHaveLength(1)
  })
})

describe('a request to Kafka', () => {
  it('links to the emissions that it carries, and lets nobody write another context into them', async () => {
    const spans = registerSdk()
    const tracing = tracingOfBank()
    const record = { id: '1', lane: 'l', topic: 'bank.events', key: 'a', value: null }
    const records = [
      { ...record, headers: { traceparent: parent } },
      { ...record, headers: { traceparent: parent.replace(/1$/, '0') } },
      { ...record, headers: {} },
    ]
    const written: Record<string, string> = {}
    const answer = await tracing?.sending({ topic: 'review.bank.events', records }, async () => {
      // As an instrumentation of kafkajs does.
      const span = trace.getTracer('kafkajs').startSpan('send')
      propagation.inject(trace.setSpan(context.active(), span), written)
      span.end()
      return 'acknowledged'
    })
    expect(answer).toBe('acknowledged')
    expect(written).toEqual({})
    expect(spans.all()).toMatchObject([
      { name: 'send review.bank.events', kind: SpanKind.CLIENT, links: [{ context: { traceId } }] },
    ])
    const lost = tracing?.sending({ topic: 't', records }, () => Promise.reject(new Error('away')))
    await expect(lost).rejects.toThrow('away')
    expect(spans.told()[1]).toBe('send t Error ERROR')
  })
})

describe('without an SDK', () => {
  it('nothing is traced, and events carry on the context of their cause', async () => {
    expect(tracingOfBank()).toBeUndefined()
    const bank = await open()
    const before = bank.log.lines.length
    tricks.set('throw', () => {
      throw new Error('no')
    })
    const records = [...traced(payments(0, [{}]), parent, 'a=1'), ...payments(1, [{}])]
    await bank.partition.take(batchOf([...records, ...traced(payments(2, [{ trick: 'throw' }]))]))
    expect(sentBy(bank)).toEqual([parent, undefined, parent])
    expect(bank.relay.sent[0]?.headers['tracestate']).toBe('a=1')
    expect(bank.relay.sent[1]?.headers).not.toHaveProperty('traceparent')
    expect(bank.log.lines.slice(before)[0]?.facts['trace_id']).toBe(traceId)
  })

  it('a command carries on the context of whoever asks', async () => {
    const bank = decider()
    const pay = () => bank.decide(payIn, { account: 'a', cents: 1 })
    await caller.run({ traceparent: parent, tracestate: undefined }, pay)
    await pay()
    expect(sentBy(bank)).toEqual([parent, undefined])
  })
})

describe('with an SDK that samples nothing', () => {
  it('nothing is recorded, not even a batch', async () => {
    const spans = registerSdk(new AlwaysOffSampler())
    const bank = await open()
    await bank.partition.take(batchOf(traced(payments(0, [{}]))))
    expect(spans.all()).toEqual([])
    expect(sentBy(bank)[0]).toMatch(/-00$/)
  })
})
