import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { postgresLedger } from '@troupe/postgres'
import { commandLane, laneOf } from '@troupe/core'
import { ecosystem, payMany, startTestStack, type TestStack } from '../kits/ecosystem.test.kit.ts'
import { keepingLog, until } from '../kits/fakes.test.kit.ts'
import type { RunningService } from './running-service.ts'
import { startTcpProxy, type TcpProxy } from '../kits/tcp-proxy.test.kit.ts'

const accounts = 5
const numbers = (count: number) => Array.from({ length: count / accounts }, (_, n) => n)

let stack: TestStack
const proxies: TcpProxy[] = []
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(async () => {
  await stack?.stop()
  for (const proxy of proxies) await proxy.close()
})

/** A counter and a bank that run. */
async function running(name: string, options: Parameters<typeof ecosystem>[1] = {}) {
  const own = ecosystem(name, options)
  const settings = {
    counter: await stack.settings(`${name}-counter`),
    bank: await stack.settings(`${name}-bank`),
  }
  const counter = stack.create(own.counter, settings.counter)
  const bank = stack.create(own.bank, settings.bank)
  await Promise.all([counter.running.start(), bank.running.start()])
  return { ...own, settings, counterService: counter.running, bankService: bank.running, log: bank.log, own }
}

type Running = Awaited<ReturnType<typeof running>>

async function bookedIn(service: RunningService, { account }: Pick<Running, 'account'>) {
  const all = await service.list(account)
  return Object.fromEntries(all.map(({ key, state }) => [key, state.booked]))
}

/** Every number once, in order, for every account. */
const everything = (count: number) =>
  Object.fromEntries(Array.from({ length: accounts }, (_, n) => [`a${n}`, numbers(count)]))

async function allBooked(one: Running, count: number): Promise<void> {
  await until(async () => {
    const booked = await bookedIn(one.bankService, one).catch(() => ({}))
    return Object.values<readonly number[]>(booked).reduce((sum, each) => sum + each.length, 0) >= count
  })
  expect(await bookedIn(one.bankService, one)).toEqual(everything(count))
}

const deadLettersIn = ({ log }: Pick<Running, 'log'>) => log.lines.filter(({ level }) => level === 'error')

describe('failure 3: a commit whose answer is lost on the way', () => {
  it.each(['cut', 'swallow', 'delay'] as const)(
    'has its effect once and publishes its events, whatever the server made of it (%s)',
    async (treatment) => {
      const own = ecosystem(`lost-${treatment}`)
      const settings = {
        counter: await stack.settings(`lost-${treatment}-counter`),
        bank: await stack.settings(`lost-${treatment}-bank`),
      }
      const proxy = await startTcpProxy(Number(new URL(settings.bank.databaseUrl).port))
      proxies.push(proxy)
      const through = (url: string) => url.replace(/:\d+\//, `:${proxy.port}/`)
      const counter = stack.create(own.counter, {
        ...settings.counter,
        databaseUrl: through(settings.counter.databaseUrl),
      })
      const bank = stack.create(own.bank, {
        ...settings.bank,
        databaseUrl: through(settings.bank.databaseUrl),
      })
      await Promise.all([counter.running.start(), bank.running.start()])
      let settles = 0
      let lost = 0
      proxy.treat = (sent) => {
        if (!sent.includes('insert-outbox') || ++settles % 3 !== 0 || lost >= 12) return 'pass'
        lost += 1
        return treatment
      }
      await payMany(counter.running, own, { count: 100, accounts })
      const one = { ...own, bankService: bank.running, log: bank.log } as unknown as Running
      await allBooked(one, 100)
      expect(lost).toBeGreaterThan(3)
      expect(deadLettersIn(one)).toEqual([])
      await Promise.all([counter.running.stop(), bank.running.stop()])

      // Nothing is left to be published, neither of the commands nor of the reactions.
      for (const [name, { databaseUrl }] of Object.entries(settings)) {
        const ledger = postgresLedger({ url: databaseUrl, log: keepingLog() })
        const lanes = [
          commandLane,
          ...[0, 1, 2].map((partition) => laneOf({ topic: own.PaidIn.topic, partition })),
        ]
        const left = await Promise.all(lanes.map((lane) => ledger.unpublished({ lane })))
        expect([name, left.flatMap(({ found }) => found)]).toEqual([name, []])
        await ledger.close()
      }
    },
    60_000,
  )
})

describe('a service under load', () => {
  it('outlives its database, whose connections are cut and which is stopped and started again', async () => {
    const one = await running('database')
    const paying = payMany(one.counterService, one.own, { count: 200, accounts })
    for (let n = 0; n < 2; n++) {
      await until(async () => one.bankService.status().dependencies.database.state === 'up')
      await stack.postgres.stop()
      await until(() => one.bankService.status().dependencies.database.state === 'down')
      expect(one.bankService.status()).toMatchObject({ state: 'running', isReady: false })
      await stack.postgres.start()
      await until(() => one.bankService.status().isReady)
    }
    await paying
    await allBooked(one, 200)
    expect(deadLettersIn(one)).toEqual([])
    const said = JSON.stringify(one.log.lines, (_name, value: unknown) =>
      value instanceof Error
        ? { message: value.message, stack: value.stack, cause: value.cause }
        : typeof value === 'bigint'
          ? String(value)
          : value,
    )
    expect(said).not.toContain(new URL(one.settings.bank.databaseUrl).password)
    await Promise.all([one.counterService.stop(), one.bankService.stop()])
  })

  it('outlives Kafka, takes commands meanwhile, and drains by itself', async () => {
    const one = await running('broker')
    await payMany(one.counterService, one.own, { count: 50, accounts })
    await stack.kafka.stop()
    await payMany(one.counterService, one.own, { count: 50, accounts, from: 10 })
    await until(() => one.counterService.status().dependencies.kafka.state === 'down')
    expect(one.counterService.status().isReady).toBe(false)
    await stack.kafka.start()
    await allBooked(one, 100)
    await until(() => one.counterService.status().isReady && one.bankService.status().isReady)
    expect(deadLettersIn(one)).toEqual([])
    await Promise.all([one.counterService.stop(), one.bankService.stop()])
  })

  it('goes on without the registry with the schemas it knows, stays ready, and says that it is away', async () => {
    const one = await running('registry')
    await payMany(one.counterService, one.own, { count: 10, accounts })
    await allBooked(one, 10)
    await stack.registry.stop()
    await payMany(one.counterService, one.own, { count: 10, accounts, from: 2 })
    await allBooked(one, 20)
    await until(() => one.bankService.status().dependencies.registry.state === 'down')
    expect(one.bankService.status().isReady).toBe(true)
    await stack.registry.start()
    await until(() => one.bankService.status().dependencies.registry.state === 'up')
    await Promise.all([one.counterService.stop(), one.bankService.stop()])
  })

  it('dead-letters exactly the poison of 500 events, after its last attempt, and keeps their order', async () => {
    const { own, counterService, bankService, log, account } = await running('poison')
    const poison = new Set([3, 200, 499])
    await Promise.all(
      Array.from({ length: 500 }, (_, number) =>
        counterService.decide(own.payIn, {
          account: 'a0',
          number,
          trick: poison.has(number) ? 'throw' : '',
        }),
      ),
    )
    await until(() => deadLettersIn({ log }).length >= 3)
    await until(async () => (await bankService.read(account('a0'))).booked.length >= 497)
    expect((await bankService.read(account('a0'))).booked).toEqual(
      Array.from({ length: 500 }, (_, n) => n).filter((n) => !poison.has(n)),
    )
    expect(deadLettersIn({ log })).toHaveLength(3)
    // As many records as events, and those that Kafka holds twice.
    const next = (await bankService.progress()).reduce((sum, one) => sum + (one.next ?? 0n), 0n)
    expect(next).toBeGreaterThanOrEqual(500n)
    // No line for each event, and every line about an event names it and its saga.
    expect(log.lines.filter(({ level }) => level === 'info').length).toBeLessThan(20)
    for (const { facts } of deadLettersIn({ log }))
      expect(facts).toMatchObject({ event: expect.any(String), saga: 'a0' })
    await Promise.all([counterService.stop(), bankService.stop()])
  })

  it('shares its partitions with another instance, and hands them over in the middle', async () => {
    const one = await running('shared')
    const second = stack.create(one.own.bank, one.settings.bank)
    const paying = payMany(one.counterService, one.own, { count: 300, accounts })
    await second.running.start()
    const held = async (bank: RunningService) => (await bank.progress()).length
    await until(
      async () =>
        (await held(second.running)) > 0 &&
        (await held(second.running)) + (await held(one.bankService)) === 3,
    )
    await until(async () => Object.keys(await bookedIn(second.running, one)).length > 0)
    await one.bankService.stop()
    await paying
    const survivor = { ...one, bankService: second.running, log: second.log }
    await allBooked(survivor, 300)
    // A partition in which nothing was left to be booked may be taken over last.
    await until(async () => (await held(second.running)) === 3)
    expect([...deadLettersIn(one), ...deadLettersIn(survivor)]).toEqual([])
    await Promise.all([one.counterService.stop(), second.running.stop()])
  })
})
