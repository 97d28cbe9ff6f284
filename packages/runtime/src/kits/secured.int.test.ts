import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { messageOf, service } from '@troupe/core'
import {
  type Broker,
  type EmbeddedPostgres,
  type EmbeddedRegistry,
  startBroker,
  startRegistry,
} from '@troupe/embedded'
import { postgresLedger } from '@troupe/postgres'
import http from 'node:http'
import type net from 'node:net'
import { anotherAuthority, authority, client } from './certificates.test.kit.ts'
import { createService } from '../service/create-service.ts'
import type { DependencyName } from '../service/dependencies.ts'
import { ecosystem } from './ecosystem.test.kit.ts'
import type { Settings } from '../settings/environment.ts'
import { keepingLog, until } from './fakes.test.kit.ts'
import type { RunningService } from '../service/running-service.ts'
import { type Front, startKafkaFront, startRegistryFront, startSecurePostgres } from './secured.test.kit.ts'
import { stages } from '../observe/stages.ts'

const registryAuth = { username: 'order', password: 'registry-secret' }

let broker: Broker
let registry: EmbeddedRegistry
let postgres: EmbeddedPostgres
let fronts: { readonly kafka: Front; readonly registry: Front }
beforeAll(async () => {
  ;[broker, registry, postgres] = await Promise.all([
    startBroker({ autoCreateTopics: false }),
    startRegistry(),
    startSecurePostgres(),
  ])
  fronts = {
    kafka: await startKafkaFront(broker.port),
    registry: await startRegistryFront(registry.url, registryAuth),
  }
})

const opened: { stop(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.stop()))
})
afterAll(async () => {
  await Promise.all([fronts?.kafka.close(), fronts?.registry.close()])
  await Promise.all([broker?.stop(), registry?.stop(), postgres?.stop()])
})

/** Everything over TLS, with passwords, unless changed. */
async function settingsFor(name: string, change: Partial<Settings> = {}): Promise<Settings> {
  return {
    kafkaBrokers: [`127.0.0.1:${fronts.kafka.port}`],
    kafkaTls: { ca: authority, ...client },
    registryUrl: `https://127.0.0.1:${fronts.registry.port}`,
    registryAuth,
    registryCa: authority,
    databaseUrl: await postgres.createDatabase({ name, password: 'database-secret' }),
    databaseCa: authority,
    http: undefined,
    logLevel: 'silent',
    topicPartitions: 3,
    topicReplication: 1,
    startTimeoutMs: 120_000,
    stopTimeoutMs: 20_000,
    eventBytesMax: 900_000,
    performTimeoutMs: 10_000,
    sessionTimeoutMs: 10_000,
    isStoppedWithParent: false,
    ...change,
  }
}

const logs: ReturnType<typeof keepingLog>[] = []

function create(of: Parameters<typeof createService>[0], settings: Settings): RunningService {
  const log = keepingLog()
  logs.push(log)
  const running = createService(of, settings, { log })
  opened.push(running)
  return running
}

/**
 * What a start says that is refused: at once, or because its time is over. That is when what it waits for has
 * said what is expected and all else has answered, however long this takes here.
 */
async function refusalOf(
  name: string,
  change: Partial<Settings>,
  expected?: { readonly of: DependencyName; readonly says: RegExp },
) {
  const { startTimeoutMs, giveUp } = timeThatIsGivenUp()
  const running = create(ecosystem(name).bank, await settingsFor(name, { startTimeoutMs, ...change }))
  const refused = running.start().then(
    () => {
      throw new Error('It started.')
    },
    (reason: unknown) => reason,
  )
  if (expected) {
    const isSaid = () =>
      Object.entries(running.status().dependencies).every(([dependency, { state, error = '' }]) =>
        dependency === expected.of ? expected.says.test(error) : state === 'up',
      )
    // What is said instead, the test will show.
    await until(isSaid).catch(() => {})
    giveUp()
  }
  const error = await refused
  return { error, message: messageOf(error) }
}

const timeout = AbortSignal.timeout
/** Times that are over when the test says so. */
const givenUp = new Map<number, AbortController>()

function timeThatIsGivenUp() {
  const startTimeoutMs = 1_000_000 + givenUp.size
  const controller = new AbortController()
  givenUp.set(startTimeoutMs, controller)
  return { startTimeoutMs, giveUp: () => controller.abort() }
}

beforeAll(() => {
  jest
    .spyOn(AbortSignal, 'timeout')
    .mockImplementation((ms) => givenUp.get(ms)?.signal ?? timeout.call(AbortSignal, ms))
})
afterAll(() => {
  jest.restoreAllMocks()
})

function everythingSaid(errors: readonly unknown[]): string {
  const plain = (value: unknown, depth = 0): unknown => {
    if (typeof value === 'bigint') return String(value)
    if (typeof value !== 'object' || value === null || depth > 6) return value
    const own =
      value instanceof Error ? { message: value.message, stack: value.stack, cause: value.cause } : {}
    return Object.fromEntries(
      Object.entries({ ...own, ...value }).map(([name, one]) => [name, plain(one, depth + 1)]),
    )
  }
  return JSON.stringify([...logs.flatMap(({ lines }) => lines), ...errors].map((one) => plain(one)))
}

const secrets = /registry-secret|database-secret|PRIVATE KEY|wrong-secret/

describe('a service whose stack asks for TLS and passwords', () => {
  it('runs: commands, events and metrics', async () => {
    const own = ecosystem('secured')
    const counter = create(
      own.counter,
      await settingsFor('secured-counter', { http: { host: '127.0.0.1', port: 0 } }),
    )
    const bank = create(own.bank, await settingsFor('secured-bank', { http: { host: '127.0.0.1', port: 0 } }))
    await Promise.all([counter.start(), bank.start()])
    for (const number of [1, 2]) await counter.decide(own.payIn, { account: 'a', number })
    await until(async () => (await bank.read(own.account('a'))).booked.length === 2)
    await until(() => Object.values(bank.status().dependencies).every(({ state }) => state === 'up'))

    let answer = await fetch(`${bank.httpUrl}/metrics`)
    let text = await answer.text()
    // What is booked is not yet acknowledged by Kafka, nor seen by whoever looks for what is behind.
    await until(async () => {
      answer = await fetch(`${bank.httpUrl}/metrics`)
      text = await answer.text()
      return (
        /troupe_stage_seconds_count\{stage="relay"\} [1-9]/.test(text) &&
        text.match(/^kafka_consumergroup_lag\{.*\} 0$/gm)?.length === 3
      )
    })
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(text).toContain(
      'troupe_events_handled_total{service="secured-bank",type="PaidIn",outcome="applied"} 2',
    )
    for (const partition of [0, 1, 2]) {
      expect(text).toContain(
        `kafka_consumergroup_lag{consumergroup="secured-bank",topic="secured-counter.events",partition="${partition}"} 0`,
      )
    }
    expect(text).toContain('troupe_dependency_up{dependency="registry"} 1')
    expect(text).toMatch(/troupe_batch_seconds_count [1-9]/)
    // It has no tables of its own.
    for (const stage of stages.filter((one) => one !== 'transact'))
      expect(text).toMatch(new RegExp(`troupe_stage_seconds_count\\{stage="${stage}"\\} [1-9]`))
    expect(await (await fetch(`${bank.httpUrl}/readyz`)).json()).toMatchObject({ status: 'ok', halted: [] })
    expect(everythingSaid([])).not.toMatch(secrets)
  })

  it('is refused where a certificate is not trusted, and says what to give', async () => {
    const notTrusted = /certificate is not trusted/
    const [kafka, secondKafka, registryRefusal, database] = await Promise.all([
      refusalOf(
        'ca-kafka',
        { kafkaTls: { ca: anotherAuthority, ...client } },
        { of: 'kafka', says: notTrusted },
      ),
      refusalOf(
        'ca-client',
        { kafkaTls: { ca: authority } },
        { of: 'kafka', says: /wants a client certificate/ },
      ),
      refusalOf('ca-registry', { registryCa: anotherAuthority }, { of: 'registry', says: notTrusted }),
      refusalOf('ca-database', { databaseCa: anotherAuthority }, { of: 'database', says: notTrusted }),
    ])
    expect(kafka.error).toMatchObject({ code: 'TROUPE_KAFKA_UNREACHABLE' })
    expect(kafka.message).toMatch(/certificate is not trusted here/)
    expect(secondKafka.message).toMatch(/wants a client certificate/)
    expect(registryRefusal.error).toMatchObject({ code: 'TROUPE_REGISTRY_UNREACHABLE' })
    expect(registryRefusal.message).toMatch(/certificate is not trusted here/)
    expect(database.error).toMatchObject({ code: 'TROUPE_DATABASE_UNREACHABLE' })
    expect(database.message).toMatch(/certificate is not trusted .*DATABASE_CA_FILE/)
    expect(everythingSaid([kafka, secondKafka, registryRefusal, database])).not.toMatch(secrets)
  })

  it('is refused at once where a password is wrong, naming the user and never the password', async () => {
    const url = new URL(await postgres.createDatabase({ name: 'wrong', password: 'database-secret' }))
    url.password = 'wrong-secret'
    const refusals = await Promise.all([
      refusalOf('wrong-registry', { registryAuth: { username: 'order', password: 'wrong-secret' } }),
      refusalOf('wrong-database', { databaseUrl: url.href }),
    ])
    expect(refusals.map(({ message }) => message)).toEqual([
      expect.stringMatching(/Schema Registry at https:.* does not let the user order in \(status 401/),
      expect.stringMatching(/PostgreSQL at .*\/wrong does not let the user wrong in/),
    ])
    // Nobody has given these up: a start that waits for its time to be over never ends here.
    for (const { error } of refusals) expect(error).toMatchObject({ code: 'TROUPE_ACCESS_DENIED' })
    expect(everythingSaid(refusals)).not.toMatch(secrets)
  })
})

describe('a start that something is wrong with', () => {
  const plain = () => ({ kafkaBrokers: [broker.address], kafkaTls: undefined })

  it('says that Kafka sends its clients to an address that cannot be reached', async () => {
    // Where nobody listens, and nobody will.
    const front = await startKafkaFront(broker.port, { isSecure: false, advertised: 1 })
    opened.push({ stop: () => front.close() })
    const own = ecosystem('advertised')
    for (const name of [own.bank, own.counter].flatMap(({ topic, deadLetterTopic }) => [
      topic,
      deadLetterTopic,
    ]))
      broker.createTopic(name, 3)
    // Also where all the topics are there, so that nothing has to be created.
    const { message } = await refusalOf(
      'advertised',
      { kafkaBrokers: [`127.0.0.1:${front.port}`], kafkaTls: undefined },
      { of: 'kafka', says: /sends its clients to/ },
    )
    expect(message).toMatch(
      new RegExp(`sends its clients to 127.0.0.1:1, which cannot be reached.*advertised.listeners`),
    )
  })

  it('says that what answers at the address of the registry is none', async () => {
    const page = http.createServer((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end('<html>welcome</html>')
    })
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve))
    opened.push({ stop: () => new Promise((resolve) => page.close(resolve)) })
    const { port } = page.address() as net.AddressInfo
    const { message } = await refusalOf(
      'page',
      { registryUrl: `http://127.0.0.1:${port}/nowhere`, registryCa: undefined, registryAuth: undefined },
      { of: 'registry', says: /is no Schema Registry/ },
    )
    expect(message).toMatch(/127.0.0.1:\d+\/nowhere is no Schema Registry: .*text\/html.*\/apis\/ccompat\/v7/)
  })

  it('says everything in which topics are not as declared, and makes none, where it only checks', async () => {
    const checked = service({
      name: 'checked',
      reactions: {},
      topic: { partitions: 6, replication: 1, retentionMs: 86_400_000 },
    })
    const settings = await settingsFor('checked', { ...plain(), topics: 'check' })
    const before = broker.topics().length
    await expect(create(checked, settings).start()).rejects.toMatchObject({
      code: 'TROUPE_TOPIC_MISSING',
      message: expect.stringMatching(/checked\.events does not exist; checked\.dlq does not exist/),
    })
    broker.createTopic('checked.events', 2)
    broker.createTopic('checked.dlq', 1)
    await expect(create(checked, settings).start()).rejects.toMatchObject({
      code: 'TROUPE_TOPIC_MISMATCH',
      message: expect.stringMatching(
        /checked\.events has partitions 2, not 6; checked\.events has retention\.ms 604800000, not 86400000/,
      ),
    })
    expect(broker.topics()).toHaveLength(before + 2)
    // Whoever creates brings the empty topic to what is declared; then the check has nothing to say.
    await create(checked, { ...settings, topics: 'create' }).start()
    await create(checked, settings).start()
    expect(broker.topics().find(({ name }) => name === 'checked.events')?.partitions).toHaveLength(6)
  })

  it('is not ready while a partition waits for a person, and says which', async () => {
    const own = ecosystem('halted')
    const { topic } = own.counter
    const settings = await settingsFor('halted', { ...plain(), http: { host: '127.0.0.1', port: 0 } })
    const ledger = postgresLedger({ url: settings.databaseUrl, ca: authority, log: keepingLog() })
    await ledger.migrate()
    const claim = await ledger.claim({ topic, partition: 1 })
    const position = { topic, partition: 1, epoch: claim.epoch, from: claim.next, to: 50n }
    await ledger.settle({
      position,
      inbox: [],
      documents: [],
      documentsRead: [],
      deadlines: [],
      steps: [],
      answers: [],
      outbox: [],
      published: [],
    })
    await ledger.close()
    const bank = create(own.bank, settings)
    await bank.start()
    await until(() => bank.status().halted.length > 0)
    await until(() => Object.values(bank.status().dependencies).every(({ state }) => state === 'up'))
    const answer = await fetch(`${bank.httpUrl}/readyz`)
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ state: 'running', halted: [`${topic}/1`] })
    expect(await (await fetch(`${bank.httpUrl}/metrics`)).text()).toContain(
      'troupe_partitions{phase="halted"} 1',
    )
  })
})
