import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { avroEvent } from '@troupe/avro'
import { commandLane, messageOf, reaction, service } from '@troupe/core'
import {
  checkTopics,
  connectKafka,
  createReceiver,
  createRelay,
  ensureTopics,
  type KafkaSettings,
  ping,
} from '@troupe/kafka'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EventTestHarness } from '../harness.ts'
import { type SecuredKafka, silent, startSecuredKafka, users } from './secured-kafka.test.kit.ts'

const fields = [{ name: 'name', type: 'string' }]
const event = <const Type extends string>(type: Type, owner: string) =>
  avroEvent<Type, { name: string }>({
    owner,
    schema: { type: 'record', name: type, namespace: owner, key: 'name', fields },
  })
const Knocked = event('Knocked', 'door')
const Greeted = event('Greeted', 'host')
const greet = reaction({ on: Knocked, emits: [Greeted], react: ({ data }, { emit }) => emit(Greeted, data) })
const host = service({ name: 'host', reactions: { greet } })

let kafka: SecuredKafka
beforeAll(async () => {
  kafka = await startSecuredKafka()
}, 180_000)
afterAll(() => kafka?.stop())

/** Waits for a condition that something else brings about. */
async function until<Found>(look: () => Found | undefined, timeoutMs = 120_000): Promise<Found> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`it did not come to that within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Java on a machine that is busy takes its time over TLS. */
const knock = (settings: KafkaSettings) => ping(connectKafka(settings, silent), { timeoutMs: 60_000 })
const guest = () => connectKafka(kafka.settings('guest'), silent)
const denied = (right: string, on: string) => ({
  code: 'TROUPE_ACCESS_DENIED',
  message: expect.stringMatching(
    `denies the user guest the right ${right} on ${on} .*Grant it: kafka-acls.sh --add --allow-principal User:guest --operation ${right} --${on}$`,
  ),
})

describe('an Apache Kafka that asks who is there', () => {
  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    'lets in by %s over TLS, and leaves what it was given as it was',
    async (mechanism) => {
      const settings = kafka.settings('order', mechanism)
      expect(await knock(settings)).toBe(1)
      expect(settings).toEqual(kafka.settings('order', mechanism))
    },
  )

  it.each(['plain', 'scram-sha-512'] as const)(
    'refuses a wrong password (%s), and the message names user and mechanism',
    async (mechanism) => {
      const sasl = { mechanism, username: 'order', password: 'wrong-secret' }
      const refusal: unknown = await knock({ ...kafka.settings('order'), sasl }).catch(
        (error: unknown) => error,
      )
      expect(refusal).toMatchObject({
        code: 'TROUPE_ACCESS_DENIED',
        message: expect.stringMatching(new RegExp(`does not let the user order in: .*\\(${mechanism}\\)`)),
      })
      expect(messageOf(refusal)).not.toContain('wrong-secret')
    },
  )

  it('refuses who comes without TLS, who does not trust it, and who gives no name, and each is told what to do', async () => {
    const { ssl: _ssl, ...withoutTls } = kafka.settings('order')
    const { sasl: _sasl, ...withoutName } = kafka.settings('order')
    const refusals = await Promise.all(
      [withoutTls, { ...kafka.settings('order'), ssl: {} }, withoutName].map((settings) =>
        knock(settings).then(() => 'let in', messageOf),
      ),
    )
    expect(refusals).toEqual([
      expect.stringMatching(/the listener may ask for TLS \(KAFKA_TLS\)/),
      expect.stringMatching(/certificate is not trusted here: .*KAFKA_TLS_CA_FILE/),
      expect.stringMatching(/a user name and a password \(KAFKA_SASL_…\)/),
    ])
  })
})

describe('a right that is missing is named, with the command that grants it', () => {
  it('Describe, then Create, to whoever makes a topic; DescribeConfigs to whoever compares it', async () => {
    const topic = 'guest.made'
    const make = () => ensureTopics(guest(), [{ topic, partitions: 1 }])
    await expect(make()).rejects.toMatchObject(denied('Describe', `topic ${topic}`))
    await kafka.grant('guest', ['DESCRIBE'], { topic })
    await expect(make()).rejects.toMatchObject(denied('Create', `topic ${topic}`))
    await kafka.grant('guest', ['CREATE'], { topic })
    await make()
    const rule = { topic, config: { 'retention.ms': '-1' } }
    await expect(checkTopics(guest(), [rule])).rejects.toMatchObject(
      denied('DescribeConfigs', `topic ${topic}`),
    )
  })

  it('Write to whoever publishes', async () => {
    const topic = 'guest.written'
    await ensureTopics(connectKafka(kafka.settings('admin'), silent), [{ topic, partitions: 1 }])
    await kafka.grant('guest', ['DESCRIBE'], { topic })
    const relay = createRelay({ connection: guest(), log: silent })
    await relay.start()
    relay.push([{ id: '1', lane: commandLane, topic, key: 'k', headers: {}, value: Buffer.from('v') }])
    const denial = `denies the user guest the right Write on topic ${topic}`
    await until(() => relay.state.problems.find(({ message }) => message.includes(denial)))
    // Nothing is lost: it goes out once that is allowed.
    await kafka.grant('guest', ['WRITE'], { topic })
    await relay.drained()
    await relay.stop({ graceMs: 1_000 })
  })

  it('Read on the group, then on the topic, to whoever hears', async () => {
    const topic = 'guest.heard'
    const admin = connectKafka(kafka.settings('admin'), silent)
    await ensureTopics(admin, [{ topic, partitions: 1 }])
    await kafka.grant('guest', ['DESCRIBE'], { topic })
    const problems: string[] = []
    let isHeard = false
    const receiver = createReceiver({
      connection: guest(),
      groupId: 'guests',
      topics: [topic],
      log: silent,
      assign: async () => ({
        next: undefined,
        take: async () => void (isHeard = true),
        release: async () => {},
      }),
    })
    receiver.onFailure(({ error }) => problems.push(messageOf(error)))
    const started = receiver.start().catch((error: unknown) => error)
    const saying = (words: string) => until(() => problems.find((problem) => problem.includes(words)))
    await saying('the right Read on group guests')
    expect(await started).toMatchObject(denied('Read', 'group guests'))
    await kafka.grant('guest', ['READ'], { group: 'guests' })
    await saying(`the right Read on topic ${topic}`)
    await kafka.grant('guest', ['READ'], { topic })
    const relay = createRelay({ connection: admin, log: silent })
    await relay.start()
    relay.push([{ id: '1', lane: commandLane, topic, key: 'k', headers: {}, value: Buffer.from('v') }])
    await until(() => isHeard || undefined)
    await Promise.all([relay.stop(), receiver.stop()])
  })
})

describe('a harness on a secured Kafka, told of it by the variables of an external stack', () => {
  const before = { ...process.env }
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'troupe-authority-'))
    await writeFile(join(folder, 'authority.pem'), kafka.authority)
  })
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** Registry and PostgreSQL are those of the run. */
  function startAs(user: 'order' | 'guest', password: string, mechanism = 'plain') {
    Object.assign(process.env, {
      TROUPE_EXTERNAL_KAFKA: kafka.address,
      TROUPE_EXTERNAL_KAFKA_TLS: '1',
      TROUPE_EXTERNAL_KAFKA_TLS_CA_FILE: join(folder, 'authority.pem'),
      TROUPE_EXTERNAL_KAFKA_SASL_MECHANISM: mechanism,
      TROUPE_EXTERNAL_KAFKA_SASL_USERNAME: user,
      TROUPE_EXTERNAL_KAFKA_SASL_PASSWORD: password,
    })
    return EventTestHarness.start({ services: [host], stack: 'external', timeoutMs: 60_000 })
  }

  it('speaks TLS, is who it says it is, and so are its services', async () => {
    await kafka.grant('order', ['ALL'], { topic: '*' })
    await kafka.grant('order', ['ALL'], { group: '*' })
    const harness = await startAs('order', users.order, 'scram-sha-512')
    await harness.publish(Knocked({ name: 'Ada' }))
    await harness.expectEvent(Greeted, { name: 'Ada' })
    await harness.stop()
  })

  it('does not start for somebody who may do nothing, and says what is missing', async () => {
    await expect(startAs('guest', users.guest)).rejects.toMatchObject({ code: 'TROUPE_ACCESS_DENIED' })
  })

  it('does not start with a wrong password, and names the user, not the password', async () => {
    const refusal: unknown = await startAs('guest', 'wrong-secret').catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'TROUPE_ACCESS_DENIED' })
    expect(messageOf(refusal)).toContain('the user guest')
    expect(messageOf(refusal)).not.toContain('wrong-secret')
  })
})
