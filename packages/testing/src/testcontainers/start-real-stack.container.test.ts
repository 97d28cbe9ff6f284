import { afterEach, describe, expect, it } from '@jest/globals'
import { avroEvent } from '@troupe/avro'
import { reaction, service } from '@troupe/core'
import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers'
import { EventTestHarness } from '../harness.ts'
import { registryRequest } from '../stack/registry-request.ts'
import { reusedLabel, startPart } from './start-part.ts'
import { startKafka } from './kafka.ts'
import { startPostgres } from './postgres.ts'
import { partOf } from './images.ts'
import { type RealStack, startRealStack } from './start-real-stack.ts'

const fields = [{ name: 'name', type: 'string' }]
const Knocked = avroEvent<'Knocked', { name: string }>({
  owner: 'door',
  schema: { type: 'record', name: 'Knocked', namespace: 'door', key: 'name', fields },
})
const Greeted = avroEvent<'Greeted', { name: string }>({
  owner: 'host',
  schema: { type: 'record', name: 'Greeted', namespace: 'host', key: 'name', fields },
})
const greet = reaction({ on: Knocked, emits: [Greeted], react: ({ data }, { emit }) => emit(Greeted, data) })
const host = service({ name: 'host', reactions: { greet } })

/** Others use the same images, even the same session of Testcontainers, at the same time: its port is its own. */
async function containerBehind(address: string) {
  const port = Number(address.split(':').at(-1))
  const client = await getContainerRuntimeClient()
  const all = await client.container.list()
  // An engine publishes for IPv6 too, where the same port may be another container's.
  return all.find(({ Ports: ports }) =>
    ports.some((one) => one.PublicPort === port && !one.IP?.includes(':')),
  )
}

async function isThere(id: string): Promise<boolean> {
  const client = await getContainerRuntimeClient()
  return (await client.container.list()).some(({ Id }) => Id === id)
}

describe('a stack in containers', () => {
  let stack: RealStack | undefined
  afterEach(async () => {
    await stack?.stop()
    stack = undefined
  })

  it('serves a harness from the Apache image too, and its containers end with it', async () => {
    const apache = 'apache/kafka:4.2.1'
    const said: string[] = []
    stack = await startRealStack({ kafka: { image: apache }, log: (line) => said.push(line) })
    const kafka = await containerBehind(stack.kafka.address)
    expect(kafka?.Image).toBe(apache)
    expect(await isThere(String(kafka?.Id))).toBe(true)
    expect(said).toHaveLength(3)
    expect(stack.environment).toMatchObject({
      TROUPE_STACK: 'external',
      TROUPE_EXTERNAL_KAFKA: stack.kafka.address,
    })
    // The registry is up, and empty: a service fills it with what it says, and waits for what others will.
    const subjects = async () =>
      (await registryRequest(String(stack?.registry.url), 'GET', '/subjects', 60_000)).body
    expect(await subjects()).toEqual([])
    const harness = await EventTestHarness.start({ services: [host], stack, timeoutMs: 60_000 })
    expect(await subjects()).toEqual([expect.stringMatching(/\.host\.events-host\.Greeted$/)])
    await harness.publish(Knocked({ name: 'Ada' }))
    await harness.expectEvent(Greeted, { name: 'Ada' })
    await harness.stop()
    await stack.stop()
    expect(await isThere(String(kafka?.Id))).toBe(false)
  })
})

describe('a container that cannot be started', () => {
  it('for want of its image says so, and which variable names another one', async () => {
    const part = partOf('postgres', { image: 'troupe.invalid/postgres:1' })
    await expect(startPostgres(part, { reuse: false })).rejects.toMatchObject({
      code: 'TROUPE_STACK_UNAVAILABLE',
      message: expect.stringMatching(
        /^PostgreSQL cannot be started, because the image troupe\.invalid\/postgres:1 is not there and cannot be pulled: .*TROUPE_POSTGRES_IMAGE/,
      ),
    })
  })

  it('for a tag that is no version of Kafka says so', async () => {
    const part = partOf('kafka', { image: 'confluentinc/cp-kafka:newest' })
    await expect(startKafka(part, { reuse: false })).rejects.toMatchObject({
      code: 'TROUPE_STACK_UNAVAILABLE',
      message: expect.stringMatching(/^Kafka did not start .*cp-kafka:newest: .*newest.*TROUPE_KAFKA_IMAGE/s),
    })
  })

  it('because the engine kills it for want of memory says so', async () => {
    const part = partOf('kafka', { image: 'apache/kafka:4.2.1' })
    const refused = startPart(part, false, () =>
      new GenericContainer(part.image)
        .withResourcesQuota({ memory: 0.06 })
        .withEntrypoint(['sh', '-c'])
        .withCommand(['java -Xms512m -XX:+AlwaysPreTouch -version'])
        .withWaitStrategy(Wait.forLogMessage('never'))
        .withStartupTimeout(60_000),
    )
    await expect(refused).rejects.toMatchObject({
      code: 'TROUPE_STACK_UNAVAILABLE',
      message: expect.stringMatching(
        /^Kafka did not start .* killed it for want of memory \(exit code 137\)/,
      ),
    })
  })

  it.each([
    ['at once', ['sh', '-c', 'echo no POSTGRES_PASSWORD >&2; exit 1']],
    // Without a password the image refuses to make a database.
    ['in time', undefined],
  ])('because what is in it gives up (%s) shows the end of its log', async (_when, entrypoint) => {
    const part = partOf('postgres')
    const refused = startPart(part, false, () => {
      const container = new GenericContainer(part.image)
        .withExposedPorts(5432)
        .withWaitStrategy(Wait.forListeningPorts())
        .withStartupTimeout(10_000)
      return entrypoint ? container.withEntrypoint(entrypoint) : container
    })
    await expect(refused).rejects.toMatchObject({
      code: 'TROUPE_STACK_UNAVAILABLE',
      message: expect.stringMatching(/^PostgreSQL did not start .*The end of its log:\n.*POSTGRES_PASSWORD/s),
    })
  })
})

describe('a stack that is left running for the next start', () => {
  it('is found there by it, at the same addresses, and by its label by whoever removes it', async () => {
    const client = await getContainerRuntimeClient()
    const { dockerode } = client.container
    const labelled = () => dockerode.listContainers({ all: true, filters: { label: [reusedLabel] } })
    // Somebody's own are not touched: by these options none of theirs is found.
    const options = {
      reuse: true,
      kafka: { image: 'apache/kafka:4.2.1' },
      postgres: { fsync: true },
    }
    const before = new Set((await labelled()).map(({ Id }) => Id))
    try {
      const first = await startRealStack(options)
      await first.stop()
      const left = (await labelled()).map(({ Id }) => Id).toSorted()
      const second = await startRealStack(options)
      await second.stop()
      expect(second.addresses).toEqual(first.addresses)
      expect((await labelled()).map(({ Id }) => Id).toSorted()).toEqual(left)
      expect(await containerBehind(second.kafka.address)).toMatchObject({ State: 'running' })
    } finally {
      const made = (await labelled()).filter(({ Id }) => !before.has(Id))
      await Promise.all(made.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })))
    }
  }, 300_000)
})
