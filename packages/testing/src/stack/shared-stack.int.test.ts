import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { avroEvent } from '@troupe/avro'
import { document, reaction, service } from '@troupe/core'
import { freePort, startStack } from '@troupe/embedded'
import { connectKafka } from '@troupe/kafka'
import { setTimeout as delay } from 'node:timers/promises'
import { EventTestHarness } from '../harness.ts'
import { startAdvertising } from './advertising-broker.test.kit.ts'
import { chooseStack, chosenName, type ChosenStack } from './choose-stack.ts'
import { connectStack } from './connect-stack.ts'
import { registryRequest } from './registry-request.ts'

function event<const Type extends string>(type: Type, owner: string, more: readonly object[] = []) {
  return avroEvent<Type, { name: string }, { name: string }>({
    owner,
    schema: {
      type: 'record',
      name: type,
      namespace: owner,
      key: 'name',
      fields: [{ name: 'name', type: 'string' }, ...more],
    },
  })
}

const Knocked = event('Knocked', 'gate')
const Greeted = event('Greeted', 'innkeeper')
const guest = document<{ greeted: number }>({ name: 'guest', initial: () => ({ greeted: 0 }) })
const greet = reaction({
  on: Knocked,
  emits: [Greeted],
  reads: ({ data }) => [guest(data.name)],
  react({ data }, { get, put, emit }) {
    put(guest(data.name), { greeted: get(guest(data.name)).greeted + 1 })
    emit(Greeted, data)
  },
})
const host = service({ name: 'innkeeper', reactions: { greet } })

/** Nobody listens there, and nobody will; but `fetch` refuses it. */
const closedPort = 1

describe('harnesses on one stack', () => {
  let chosen: ChosenStack
  beforeAll(async () => {
    // Whatever the run is on; on the embedded one, one for all tests here.
    chosen =
      chosenName() === 'embedded'
        ? { stack: await startStack({ postgres: { fsync: false } }), isShared: true, release: async () => {} }
        : await chooseStack(undefined)
  })
  afterAll(async () => {
    await chosen?.release()
    if (chosenName() === 'embedded') await chosen?.stack.stop()
  })

  const started: EventTestHarness[] = []
  async function start(one = host): Promise<EventTestHarness> {
    const { stack } = chosen
    const harness = await EventTestHarness.start({ services: [one], stack, timeoutMs: 60_000, partitions: 1 })
    started.push(harness)
    return harness
  }
  const stopAll = () => Promise.all(started.splice(0).map((harness) => harness.stop()))
  afterEach(stopAll)

  async function left(): Promise<readonly string[]> {
    const { stack } = chosen
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const client = connectKafka({ clientId: 'test', brokers: stack.kafka.address.split(',') }, log).open()
    const admin = client.kafka.admin()
    try {
      await admin.connect()
      const { body } = await registryRequest(stack.registry.url, 'GET', '/subjects?deleted=true', 60_000)
      const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId)
      const all = [...(await admin.listTopics()), ...groups, ...(body as readonly string[])]
      return all.filter((name) => /^t[0-9a-f]{8}\..*(innkeeper|gate)/.test(name))
    } finally {
      await admin.disconnect()
      client.destroy()
    }
  }

  it('do not hear each other, know their topics by their own names, and leave nothing behind', async () => {
    const [red, blue] = await Promise.all([start(), start()])
    await red.publish(Knocked({ name: 'Ada' }))
    await red.expectEvent(Greeted, { name: 'Ada' })
    await blue.expectNoEvent(Knocked)
    await blue.expectNoEvent(Greeted)
    await blue.publish(Knocked({ name: 'Ada' }))
    await blue.atRest()
    await red.atRest()
    for (const harness of [red, blue]) {
      expect(
        harness
          .seen()
          .map(({ topic }) => topic)
          .toSorted(),
      ).toEqual(['gate.events', 'innkeeper.events'])
      expect(await harness.service('innkeeper').read(guest('Ada'))).toEqual({ greeted: 1 })
    }
    expect((await left()).length).toBeGreaterThan(0)
    await stopAll()
    // What is deleted may be shown for a while.
    for (const endMs = performance.now() + 60_000; (await left()).length > 0 && performance.now() < endMs; )
      await delay(50)
    expect(await left()).toEqual([])
  })

  it('may know one event in different forms, as on branches that are tested at the same time', async () => {
    const Other = event('Greeted', 'innkeeper', [{ name: 'loud', type: 'boolean' }])
    const shout = reaction({
      on: Knocked,
      emits: [Other],
      react: ({ data }, { emit }) => emit(Other, { ...data, loud: true } as { name: string }),
    })
    const other = service({ name: 'innkeeper', reactions: { shout } })
    const red = await start()
    const blue = await start(other)
    await blue.publish(Knocked({ name: 'Ada' }))
    await blue.expectEvent(Other, { name: 'Ada' })
    await red.expectNoEvent(Greeted)
  })
})

describe('a registry that has none of its schemas when a service starts', () => {
  it('gets those that the service says; what others say is heard once they have registered it', async () => {
    const stack = await startStack({ postgres: { fsync: false } })
    const subjects = async () => (await registryRequest(stack.registry.url, 'GET', '/subjects', 60_000)).body
    let harness: EventTestHarness | undefined
    try {
      expect(await subjects()).toEqual([])
      harness = await EventTestHarness.start({ services: [host], stack, timeoutMs: 60_000 })
      expect(await subjects()).toEqual([expect.stringMatching(/\.innkeeper\.events-innkeeper\.Greeted$/)])
      expect(harness.service('innkeeper').status()).toMatchObject({ schemas: [] })
      await harness.publish(Knocked({ name: 'Ada' }))
      await harness.expectEvent(Greeted, { name: 'Ada' })
      expect(await subjects()).toHaveLength(2)
    } finally {
      await harness?.stop()
      await stack.stop()
    }
  })
})

describe('an external stack whose Kafka sends its clients to where nobody can reach it', () => {
  const before = { ...process.env }
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })

  it('makes a harness not start, and say which address it was sent to and what to set', async () => {
    const stack = await startStack({ postgres: { fsync: false } })
    const broker = await startAdvertising(stack.kafka.address, closedPort)
    try {
      Object.assign(process.env, {
        TROUPE_STACK: 'external',
        TROUPE_EXTERNAL_KAFKA: broker.address,
        TROUPE_EXTERNAL_REGISTRY: stack.registry.url,
        TROUPE_EXTERNAL_POSTGRES: 'postgres://postgres:secret@127.0.0.1:1/postgres',
      })
      await expect(EventTestHarness.start({ services: [host] })).rejects.toMatchObject({
        code: 'TROUPE_KAFKA_UNREACHABLE',
        message: expect.stringMatching(
          new RegExp(
            `Kafka answers at ${broker.address}, but sends its clients to ${broker.advertised}, .*advertised\\.listeners`,
            's',
          ),
        ),
      })
    } finally {
      broker.close()
      await stack.stop()
    }
  })
})

describe('an external stack that does not answer', () => {
  const postgres = 'postgres://postgres:secret@127.0.0.1:1/postgres'

  it('is named by the part that does not', async () => {
    const stack = await startStack({ postgres: { fsync: false } })
    try {
      const addresses = { kafka: stack.kafka.address, registry: stack.registry.url, postgres }
      await expect(connectStack({ ...addresses, kafka: '127.0.0.1:1' })).rejects.toMatchObject({
        code: 'TROUPE_KAFKA_UNREACHABLE',
        message: expect.stringContaining('127.0.0.1:1'),
      })
      await expect(
        connectStack({ ...addresses, registry: `http://127.0.0.1:${await freePort()}` }),
      ).rejects.toMatchObject({
        code: 'TROUPE_REGISTRY_UNREACHABLE',
        message: expect.stringMatching(/http:\/\/127\.0\.0\.1:\d+\/ does not answer: .*ECONNREFUSED/),
      })
      await expect(
        connectStack({ ...addresses, registry: `${stack.registry.url}/apis/elsewhere` }),
      ).rejects.toMatchObject({
        code: 'TROUPE_REGISTRY_UNREACHABLE',
        message: expect.stringMatching(/answers .*404.*\/apis\/ccompat\/v7 for Apicurio/),
      })
      const external = await connectStack(addresses)
      const refused = external.postgres.createDatabase({ name: 'x' })
      await expect(refused).rejects.toMatchObject({
        code: 'TROUPE_DATABASE_UNREACHABLE',
        message: expect.stringMatching(
          /^The database x cannot be made at postgres:\/\/127\.0\.0\.1:1\/postgres/,
        ),
      })
      await expect(refused).rejects.not.toThrow(/secret/)
    } finally {
      await stack.stop()
    }
  })
})
