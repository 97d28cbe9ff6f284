import { afterEach, describe, expect, it } from '@jest/globals'
import { command, type Json, service, TroupeError } from '@troupe/core'
import { createDecider, type DeciderOptions, isPassing } from './decider.ts'
import { benchFor, outboxLimits, payIn, tricks } from '../kits/bank.test.kit.ts'
import { deferred, unreachable, until } from '../kits/fakes.test.kit.ts'

afterEach(() => tricks.clear())

function open(change: Partial<DeciderOptions> = {}) {
  const bench = benchFor()
  const decider = createDecider({
    ...bench,
    batchCommandsMax: 100,
    waitingMax: 1_000,
    outboxLimits,
    ...change,
  })
  const pay = (cents: number, idempotencyKey?: string, change: object = {}) =>
    decider.decide(
      payIn,
      { account: 'a', cents, ...change },
      idempotencyKey === undefined ? {} : { idempotencyKey },
    )
  return { ...bench, decider, pay }
}

describe('a command', () => {
  it('is answered once its events are committed', async () => {
    const bank = open()
    expect(await bank.pay(5)).toEqual({ cents: 5 })
    expect(bank.relay.sent.map(({ lane, key }) => [lane, key])).toEqual([['commands', 'a']])
  })

  it('gets the same answer for the same key, and is done once: later, at the same time, and within one batch', async () => {
    const { pay, ledger } = open()
    const answers = await Promise.all([pay(5, 'k1'), pay(5, 'k1'), pay(7, 'k2')])
    expect(answers).toEqual([{ cents: 5 }, { cents: 5 }, { cents: 12 }])
    expect(await pay(5, 'k1')).toEqual({ cents: 5 })
    expect(ledger.tables.documents.get('account/a')?.state).toEqual({ cents: 12, booked: [5, 7] })
  })

  it('is refused if its key was used for another input, and not if only the order of fields differs', async () => {
    const { decider, pay } = open()
    await pay(5, 'k1')
    await expect(pay(6, 'k1')).rejects.toMatchObject({ code: 'TROUPE_IDEMPOTENCY_KEY_REUSED' })
    expect(await decider.decide(payIn, { cents: 5, account: 'a' }, { idempotencyKey: 'k1' })).toEqual({
      cents: 5,
    })
  })

  it('that throws is answered with what it threw; its neighbours in the transaction are not touched', async () => {
    tricks.set('throw', () => {
      throw new Error('no such account')
    })
    tricks.set('throw undefined', () => {
      throw undefined
    })
    const { pay, ledger } = open()
    const ends = await Promise.allSettled([
      pay(1),
      pay(2, 'k2', { trick: 'throw' }),
      pay(3),
      pay(4, 'k4', { trick: 'throw undefined' }),
    ])
    expect(ends).toMatchObject([
      { status: 'fulfilled', value: { cents: 1 } },
      { status: 'rejected', reason: { message: 'no such account' } },
      { status: 'fulfilled', value: { cents: 4 } },
      { status: 'rejected', reason: undefined },
    ])
    // It may be tried again under the same key: nothing of it is remembered.
    tricks.clear()
    expect(await pay(2, 'k2')).toEqual({ cents: 6 })
    expect(ledger.tables.documents.get('account/a')?.state).toMatchObject({ booked: [1, 3, 2] })
  })

  it('that the database refuses does not fail its neighbours', async () => {
    const { pay, ledger } = open()
    ledger.before = (method, settlement) => {
      if (method === 'settle' && settlement?.answers.some(({ idempotencyKey }) => idempotencyKey === 'bad'))
        throw new Error('refused')
    }
    const ends = await Promise.allSettled([pay(1, 'k1'), pay(2, 'bad'), pay(3, 'k3')])
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('shares a transaction with those that came while another one was under way', async () => {
    const { pay, ledger } = open()
    const held = deferred()
    ledger.before = (method) => (method === 'settle' ? held.promise : undefined)
    const first = pay(1)
    await until(() => ledger.calls.includes('settle'))
    const others = Array.from({ length: 50 }, (_, n) => pay(n))
    held.resolve()
    await Promise.all([first, ...others])
    expect(ledger.settled).toHaveLength(2)
  })

  it.each<[string, () => unknown]>([
    ['a function', () => ({ account: 'a', cents: 1, callback: () => {} })],
    ['a bigint', () => ({ account: 'a', cents: 1n })],
    ['a date', () => ({ account: 'a', cents: 1, at: new Date() })],
    ['NaN', () => ({ account: 'a', cents: Number.NaN })],
    ['a map', () => ({ account: 'a', cents: 1, more: new Map([[1, 2]]) })],
    [
      'itself',
      () => {
        const input: Record<string, unknown> = { account: 'a', cents: 1 }
        input['self'] = input
        return input
      },
    ],
  ])('is refused if its input holds %s, which JSON does not carry', async (_, input) => {
    const { decider, ledger } = open()
    await expect(decider.decide(payIn, input() as never)).rejects.toMatchObject({
      code: 'TROUPE_COMMAND_INPUT_INVALID',
      message: expect.stringContaining('payIn'),
    })
    expect(ledger.calls).toEqual([])
  })

  it.each([
    ['empty', ''],
    ['huge', 'k'.repeat(513)],
    ['not text', 'k\0'],
    ['half a character', 'k\ud800'],
  ])('is refused if its key is %s', async (_, key) => {
    const { pay } = open()
    await expect(pay(1, key)).rejects.toMatchObject({ code: 'TROUPE_IDEMPOTENCY_KEY_INVALID' })
  })

  it('is refused if the service does not list it', async () => {
    const other = command({ emits: [], react: (_input: { a: Json }) => 1 })
    const { decider } = open()
    await expect(decider.decide(other, { a: 1 })).rejects.toMatchObject({ code: 'TROUPE_COMMAND_UNKNOWN' })
  })

  it('with an event that is too large is refused as a whole', async () => {
    const { pay, ledger, relay } = open({
      deciding: { ...benchFor().deciding, eventBytesMax: 100 },
    })
    await expect(pay(1)).rejects.toMatchObject({ code: 'TROUPE_EVENT_TOO_LARGE' })
    expect([ledger.settled, relay.sent]).toEqual([[], []])
  })

  it('waits for a database that is away', async () => {
    const { pay, ledger } = open()
    let failures = 2
    ledger.before = () => {
      if (failures-- > 0) throw unreachable()
    }
    expect(await pay(5)).toEqual({ cents: 5 })
  })
})

describe('too many commands', () => {
  it('are refused while as many wait as may', async () => {
    const { pay, ledger } = open({ waitingMax: 2 })
    const held = deferred()
    ledger.before = () => held.promise
    const first = pay(1)
    const waiting = [pay(2), pay(3)]
    const refused = pay(4)
    await expect(refused).rejects.toMatchObject({ code: 'TROUPE_OVERLOADED' })
    expect(isPassing(await refused.catch((error: unknown) => error))).toBe(true)
    held.resolve()
    await Promise.all([first, ...waiting])
  })

  it('are refused while too many events wait for Kafka, and taken again when it takes them', async () => {
    const { pay, relay } = open({
      outboxLimits: { eventsMax: 1, eventsBytesMax: 1_000, commandsMax: 2, commandsBytesMax: 1_000 },
    })
    relay.close()
    await pay(1)
    await pay(2)
    await expect(pay(3)).rejects.toMatchObject({
      code: 'TROUPE_OVERLOADED',
      message: expect.stringContaining('waiting for Kafka'),
    })
    relay.open()
    await pay(3)
  })
})

describe('stopping', () => {
  it('answers what waits, and refuses what comes', async () => {
    const { pay, decider, ledger } = open()
    const held = deferred()
    ledger.before = (method) => (method === 'settle' ? held.promise : undefined)
    const placed = [pay(1), pay(2)]
    const stopping = decider.stop()
    await expect(pay(3)).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    held.resolve()
    await stopping
    expect(await Promise.all(placed)).toEqual([{ cents: 1 }, { cents: 3 }])
  })

  it('fails what waits for a database that stays away, once it is called off, and then ends', async () => {
    const { pay, decider, ledger, callOff } = open({ batchCommandsMax: 1 })
    ledger.before = () => {
      throw unreachable()
    }
    const placed = Promise.allSettled([pay(1), pay(2), pay(3)])
    const stopping = decider.stop()
    callOff.abort()
    await stopping
    expect(await placed).toMatchObject(
      [1, 2, 3].map(() => ({ status: 'rejected', reason: { code: 'TROUPE_STOPPED' } })),
    )
  })

  it('leaves a decider that never was asked as it is', async () => {
    await open().decider.stop()
  })
})

describe('reads of a command', () => {
  it('that throw are answered, and the others go on', async () => {
    const bad = command({
      emits: [],
      reads: () => {
        throw new Error('no such thing')
      },
      react: (_input: { a: number }) => 1,
    })
    const two = service({ name: 'bank', reactions: {}, commands: { payIn, bad } })
    const { decider, pay } = open({ service: two })
    const [answered, refused] = await Promise.allSettled([pay(1), decider.decide(bad, { a: 1 })])
    expect(answered).toMatchObject({ status: 'fulfilled' })
    expect(refused).toMatchObject({ reason: { message: 'no such thing' } })
  })
})

describe('isPassing', () => {
  it.each<[string, boolean, unknown]>([
    ['a service that stops', true, new TroupeError('TROUPE_STOPPED', '')],
    ['a database that is away', true, unreachable()],
    ['a broken event', false, new TroupeError('TROUPE_EVENT_INVALID', '')],
    ['what a command throws', false, new Error('business')],
    ['nothing at all', false, undefined],
  ])('of %s is %s', (_, expected, error) => {
    expect(isPassing(error)).toBe(expected)
  })
})
