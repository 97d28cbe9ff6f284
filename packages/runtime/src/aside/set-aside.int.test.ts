// What waits in the ledger, on a real stack: parked keys, scheduled events, results of calls, calls behind a
// breaker. Each outlives the instance that it was put there by.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { avroEvent } from '@troupe/avro'
import {
  command,
  deadLetterHeaders,
  document,
  headerNames,
  type PerformContext,
  reaction,
  service,
} from '@troupe/core'
import { queryAt } from '@troupe/embedded'
import { postgresLedger } from '@troupe/postgres'
import { startTestStack, type TestStack } from '../kits/ecosystem.test.kit.ts'
import type { Settings } from '../settings/environment.ts'
import { deferred, keepingLog, until } from '../kits/fakes.test.kit.ts'
import { type Closing, deleteTopic, foreignProducer, tape } from '../kits/records.test.kit.ts'

interface Paid {
  readonly account: string
  readonly number: number
}

let stack: TestStack
const closing: Closing = []
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(async () => {
  for (const close of closing.splice(0)) await close()
  await stack?.stop()
})

const account = document<{ readonly booked: readonly number[] }>({
  name: 'account',
  initial: () => ({ booked: [] }),
})

interface Behaviour {
  /** What a deployment, or somebody else's repair, would mend. */
  readonly refuses?: (data: Paid) => boolean
  readonly perform?: (data: Paid, context: PerformContext) => Promise<string>
}

/** A till where money is paid in, and a bank that books it; both named after a test. */
function ecosystem(name: string, { refuses, perform }: Behaviour) {
  const event = <const Type extends string>(type: Type) =>
    avroEvent<Type, Paid>({
      owner: `${name}-till`,
      schema: {
        type: 'record',
        name: type,
        namespace: `${name}_till`,
        key: 'account',
        fields: [
          { name: 'account', type: 'string' },
          { name: 'number', type: 'int' },
        ],
      },
    })
  const PaidIn = event('PaidIn')
  const Reminded = event('Reminded')
  const pay = command({ emits: [PaidIn], react: (input: Paid, { emit }) => void emit(PaidIn, input) })
  const remind = command({
    emits: [Reminded],
    react: ({ afterMs, ...input }: Paid & { readonly afterMs: number }, { schedule }) =>
      void schedule(Reminded, input, { afterMs, name: String(input.number) }),
  })
  const calm = command({
    emits: [Reminded],
    react: ({ account: saga, number }: Paid, { lift }) => void lift(String(number), saga),
  })
  const book = reaction({
    on: PaidIn,
    emits: [],
    retry: { attempts: 1_000, delayMs: 50, delayMsMax: 50, jitter: 0 },
    breaker: { failuresMax: 2, pauseMs: 20, pauseMsMax: 50 },
    reads: ({ data }) => [account(data.account)],
    perform: ({ data }, context) => perform?.(data, context) ?? Promise.resolve(''),
    react({ data }, { get, put }) {
      if (refuses?.(data)) throw new Error('not yet')
      put(account(data.account), { booked: [...get(account(data.account)).booked, data.number] })
    },
  })
  const till = service({ name: `${name}-till`, reactions: {}, commands: { pay, remind, calm } })
  const { perform: _, ...pure } = book
  const books = perform ? book : { ...pure, perform: undefined }
  return {
    till,
    pay,
    remind,
    calm,
    PaidIn,
    Reminded,
    bank: service({ name: `${name}-bank`, reactions: { book: books } }),
  }
}

/** The number of a reminder: its last field. */
const numberOf = (value: Uint8Array | null) => (value?.at(-1) ?? 0) / 2

async function started(own: Parameters<TestStack['create']>[0], settings: Settings) {
  const { running } = stack.create(own, settings)
  await running.start()
  return running
}

async function company(name: string, behaviour: Behaviour) {
  const own = ecosystem(name, behaviour)
  const settings = {
    till: await stack.settings(`${name}-till`, { topicPartitions: 1 }),
    bank: await stack.settings(`${name}-bank`, {
      topicPartitions: 1,
      retry: {},
      http: { host: '127.0.0.1', port: 0 },
    }),
  }
  const [till, bank] = await Promise.all([started(own.till, settings.till), started(own.bank, settings.bank)])
  const dead = await tape(settings.bank, own.bank.deadLetterTopic, closing)
  return {
    own,
    settings,
    till,
    bank,
    dead,
    pay: (name: string, number: number) =>
      till.decide(own.pay, { account: name, number }, { idempotencyKey: `${name}/${number}` }),
  }
}

describe('a parked key', () => {
  it('keeps what follows it and nobody else, is found by the next instance, and is handled in order', async () => {
    let isMended = false
    const { own, settings, bank, dead, pay } = await company('parked', {
      refuses: (data) => data.account === 'odd' && !isMended,
    })
    for (const number of [1, 2, 3]) for (const name of ['odd', 'even']) await pay(name, number)
    await until(async () => (await bank.read(account('even'))).booked.length === 3)
    await until(() => bank.status().parked.events === 3)
    expect(bank.status()).toMatchObject({ isReady: true, parked: { keys: 1, held: 0, events: 3 } })
    expect((await bank.read(account('odd'))).booked).toEqual([])
    await bank.stop()

    // What is parked where nobody is: a topic that has fewer partitions now, or an owner that is away.
    const orphan = `(topic, partition, key, state, version, events, bytes, attempts)
      VALUES ('${own.PaidIn.topic}', 9, 'orphan', 'held', 1, 2, 2, 1)`
    await queryAt(settings.bank.databaseUrl, `INSERT INTO troupe.parked_key ${orphan}`)
    const next = await started(own.bank, settings.bank)
    await until(() => next.status().parked.events === 3)
    const metrics = async () => (await fetch(`${next.httpUrl}/metrics`)).text()
    await until(async () => (await metrics()).includes('troupe_parked_events 5'))
    expect(await metrics()).toContain('troupe_parked_keys{state="held"} 1')
    await pay('odd', 4)
    isMended = true
    await until(async () => (await next.read(account('odd'))).booked.length === 4)
    expect((await next.read(account('odd'))).booked).toEqual([1, 2, 3, 4])
    expect((await next.read(account('even'))).booked).toEqual([1, 2, 3])
    await until(() => next.status().parked.keys === 0)
    expect(dead).toEqual([])
    await next.stop()
  })
})

describe('failure 28: of a topic that is deleted and made again while something of it is set aside', () => {
  it('what was parked is tried before what follows it in the new one, and dead letters of both are two', async () => {
    let isMended = false
    const { own, settings, till, bank, dead, pay } = await company('reborn', {
      refuses: (data) => data.account === 'odd' && !isMended,
    })
    const topic = own.PaidIn.topic
    const unreadable = async (value: string) => {
      const headers = { [headerNames.type]: own.PaidIn.type }
      await (await foreignProducer(settings.till, closing))({
        topic,
        key: 'x',
        headers,
        value: Buffer.from(value),
      })
    }
    const parkedNow = (one: typeof bank, events: number) =>
      until(() => one.status().parked.events === events, 20_000)
    await unreadable('old')
    for (const number of [1, 2]) await pay('odd', number)
    await pay('even', 1)
    await until(async () => (await bank.read(account('even'))).booked.length === 1, 20_000)
    await parkedNow(bank, 2)
    await bank.stop()
    await till.stop()

    await deleteTopic(settings.till, topic)
    // It makes its topic again. The same offsets, and more of them than were read of the old one.
    const tillAgain = await started(own.till, settings.till)
    await unreadable('new')
    for (const [name, number] of [
      ['odd', 3],
      ['odd', 4],
      ['even', 2],
      ['even', 3],
    ] as const)
      await tillAgain.decide(own.pay, { account: name, number }, { idempotencyKey: `${name}/${number}` })
    const next = await started(own.bank, { ...settings.bank, onDataLoss: 'skip' })
    await until(async () => (await next.read(account('even'))).booked.length === 3, 20_000)
    await parkedNow(next, 4)

    const ledger = postgresLedger({ url: settings.bank.databaseUrl, log: keepingLog() })
    closing.push(() => ledger.close())
    const ids = [`${topic}/0/0`, `${topic}/0/0~1`] as const
    const { found } = await ledger.deadLetters({}, { after: 0n, limit: 10 })
    expect(found.map(({ id }) => id)).toEqual(ids)
    const valueOf = async (id: string) =>
      Buffer.from((await ledger.deadLetter(id))?.record.value ?? []).toString()
    expect([await valueOf(ids[0]), await valueOf(ids[1])]).toEqual(['old', 'new'])
    isMended = true
    await until(async () => (await next.read(account('odd'))).booked.length === 4, 20_000)
    expect((await next.read(account('odd'))).booked).toEqual([1, 2, 3, 4])
    expect((await next.read(account('even'))).booked).toEqual([1, 2, 3])
    await parkedNow(next, 0)

    const action = { by: 'ada', reason: 'it is somebody else’s' }
    expect(await ledger.discardDeadLetters([ids[0]], action)).toEqual([ids[0]])
    expect(await ledger.redrive([{ id: ids[1] }], action)).toEqual([ids[1]])
    await until(() => dead.length === 3, 20_000)
    expect(dead.map(({ headers }) => String(headers[deadLetterHeaders.letter]))).toEqual([...ids, ids[1]])
    const states = await Promise.all(ids.map(async (id) => (await ledger.deadLetter(id))?.state))
    expect(states).toEqual(['discarded', 'open'])
    await Promise.all([tillAgain.stop(), next.stop()])
  }, 90_000)
})

describe('a scheduled event', () => {
  it('is said once, by whoever is there when it is due, and never after it was lifted', async () => {
    const { own, settings, till } = await company('scheduled', {})
    const said = await tape(settings.till, own.Reminded.topic, closing)
    await till.decide(own.remind, { account: 'a', number: 1, afterMs: 300 })
    await till.decide(own.remind, { account: 'a', number: 2, afterMs: 300 })
    await till.decide(own.calm, { account: 'a', number: 2 })
    await till.stop()
    const both = await Promise.all([started(own.till, settings.till), started(own.till, settings.till)])
    // What is due later is said after what was due before.
    await both[0].decide(own.remind, { account: 'a', number: 3, afterMs: 1_000 })
    // Kafka may hold an event twice, under one id: an instance that starts publishes what another has in hand.
    const once = () =>
      new Map(said.map(({ headers, value }) => [String(headers[headerNames.id]), numberOf(value)]))
    await until(() => once().size === 2)
    expect([...once().values()]).toEqual([1, 3])
    await Promise.all(both.map((one) => one.stop()))
  })
})

describe('a call to the outside', () => {
  it('is not made again for a batch that another instance finishes, where its result was kept', async () => {
    const calls: string[] = []
    const slow = deferred()
    const { own, settings, bank, pay } = await company('kept', {
      async perform({ account: name, number }, { signal }) {
        calls.push(`${name}/${number}`)
        if (name !== 'slow' || calls.filter((call) => call === 'slow/1').length > 1) return 'done'
        await Promise.race([
          slow.promise,
          new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
        ])
        throw new Error('no answer')
      },
    })
    // Nothing is heard while the bank is away, and all of it is there when it comes: it is one batch.
    await bank.stop()
    const paid = await tape(settings.bank, own.PaidIn.topic, closing)
    for (const name of ['slow', 'a', 'b', 'c']) await pay(name, 1)
    await until(() => paid.length === 4)
    const first = await started(own.bank, settings.bank)
    await until(() => calls.length === 4)
    await first.stop()
    const next = await started(own.bank, settings.bank)
    for (const name of ['slow', 'a', 'b', 'c'])
      await until(async () => (await next.read(account(name))).booked.length === 1)
    expect(calls.toSorted()).toEqual(['a/1', 'b/1', 'c/1', 'slow/1', 'slow/1'])
    await next.stop()
  })

  it('waits behind its breaker while all of them fail, and none of its events is given up', async () => {
    let isDown = true
    let made = 0
    const { bank, dead, pay } = await company('breaker', {
      async perform() {
        made += 1
        if (isDown) throw new Error('the gateway is away')
        return 'done'
      },
    })
    for (const name of ['a', 'b', 'c']) await pay(name, 1)
    await until(() => made > 5 && Object.values(bank.status().breakers).some((one) => one !== 'closed'))
    expect(bank.status().isReady).toBe(true)
    isDown = false
    for (const name of ['a', 'b', 'c'])
      await until(async () => (await bank.read(account(name))).booked.length === 1)
    await until(() => Object.values(bank.status().breakers).every((one) => one === 'closed'))
    expect(dead).toEqual([])
    await bank.stop()
  })
})
