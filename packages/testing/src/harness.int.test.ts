import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from '@jest/globals'
import { avroEvent } from '@troupe/avro'
import { command, document, reaction, type Service, service } from '@troupe/core'
import type { EmbeddedStack } from '@troupe/embedded'
import { existsSync } from 'node:fs'
import { EventTestHarness, type HarnessOptions } from './index.ts'

const fields = [
  { name: 'name', type: 'string' },
  { name: 'count', type: 'int', default: 1 },
]
function event<const Type extends string>(type: Type, owner: string) {
  return avroEvent<Type, { name: string; count: number }, { name: string; count?: number }>({
    owner,
    schema: { type: 'record', name: type, namespace: owner, key: 'name', fields },
  })
}

const Knocked = event('Knocked', 'door')
const Greeted = event('Greeted', 'host')
const Seated = event('Seated', 'waiter')

const guest = document<{ greeted: number }>({ name: 'guest', initial: () => ({ greeted: 0 }) })
const greet = reaction({
  on: Knocked,
  emits: [Greeted],
  reads: ({ data }) => [guest(data.name)],
  react({ data }, { get, put, emit }) {
    if (data.name === 'nobody') throw new Error('nobody is there')
    put(guest(data.name), { greeted: get(guest(data.name)).greeted + data.count })
    emit(Greeted, { name: data.name, count: data.count })
  },
})
const call = command({
  emits: [Greeted],
  react: ({ name }: { name: string }, { emit }) => emit(Greeted, { name, count: 0 }),
})
const host = service({ name: 'host', reactions: { greet }, commands: { call } })
const seat = reaction({ on: Greeted, emits: [Seated], react: ({ data }, { emit }) => emit(Seated, data) })
const waiter = service({ name: 'waiter', reactions: { seat } })

const started: EventTestHarness[] = []
async function start(options: HarnessOptions): Promise<EventTestHarness> {
  const harness = await EventTestHarness.start({ timeoutMs: 60_000, ...options })
  started.push(harness)
  return harness
}
afterEach(async () => {
  await Promise.all(started.splice(0).map((harness) => harness.stop()))
})

const openHandles = () => {
  const all = process.getActiveResourcesInfo()
  return all.filter((kind) => ['TCPSocketWrap', 'TCPServerWrap', 'ProcessWrap'].includes(kind)).length
}

describe('harnesses', () => {
  it('run side by side and share nothing; a stop leaves no process, no socket and no file behind', async () => {
    const before = openHandles()
    const [one, other] = await Promise.all([
      start({ services: [host, waiter] }),
      start({ services: [host], partitions: 1 }),
    ])
    await one.publish(Knocked({ name: 'Ada' }))
    await one.expectEvent(Seated, { name: 'Ada' })
    await other.expectNoEvent(Greeted)
    expect(other.events()).toEqual([])
    // Of its own, if the stack is embedded; whoever shares one leaves it as it was.
    const { pid } = one.stack.postgres as Partial<EmbeddedStack['postgres']>
    const stopping = one.stop()
    expect(one.stop()).toBe(stopping)
    await Promise.all([stopping, other.stop()])
    if (pid !== undefined) expect(existsSync(`/proc/${pid}/stat`)).toBe(false)
    const untilMs = performance.now() + 60_000
    while (openHandles() > before && performance.now() < untilMs)
      await new Promise((go) => setTimeout(go, 20))
    expect(openHandles()).toBeLessThanOrEqual(before)
  })

  it('failure 19: whose schemas do not agree are refused at the start, which says so and leaves nothing behind', async () => {
    const before = openHandles()
    // Two services that say different things under one name cannot both register it.
    const Other = avroEvent<'Greeted', { name: string; count: string }>({
      owner: 'host',
      schema: {
        type: 'record',
        name: 'Greeted',
        namespace: 'host',
        key: 'name',
        fields: [fields[0]!, { name: 'count', type: 'string' }],
      },
    })
    const impostor = reaction({
      on: Knocked,
      emits: [Other],
      react: ({ data }, { emit }) => emit(Other, { name: data.name, count: 'one' }),
    })
    // Under another name it is a service still, and goes on speaking for the host.
    const other: Service = Object.create(service({ name: 'host', reactions: { impostor } }), {
      name: { value: 'second-host' },
    })
    const services = [host, other]
    // Not Apicurio: it lets both pass that register for the first time at the same moment.
    await expect(start({ services, stack: 'embedded' })).rejects.toMatchObject({
      code: 'TROUPE_SCHEMA_INCOMPATIBLE',
    })
    const untilMs = performance.now() + 60_000
    while (openHandles() > before && performance.now() < untilMs)
      await new Promise((go) => setTimeout(go, 20))
    expect(openHandles()).toBeLessThanOrEqual(before)
  })
})

describe('a harness', () => {
  it('shows events, dead letters and documents, stops and starts services, and tells a mistake in a test', async () => {
    const harness = await start({ services: [host, waiter] })
    await harness.publish(Knocked({ name: 'Ada', count: 2 }), { id: 'same' })
    await harness.publish(Knocked({ name: 'Ada', count: 2 }), { id: 'same' })
    await harness.publish(Knocked({ name: 'nobody' }))
    const greeted = await harness.expectEvent(Greeted, { name: 'Ada' })
    expect(greeted).toMatchObject({ causationId: 'same', correlationId: 'Ada', data: { count: 2 } })
    await harness.atRest()
    await harness.expectNoEvent(Greeted, { name: 'Ada' })
    // Kafka may hold an event twice: it is one event, of two records.
    await harness.expectEvent(Knocked, { name: 'Ada' })
    await harness.expectNoEvent(Knocked, { name: 'Ada' })
    expect(harness.events().filter(({ id }) => id === 'same')).toHaveLength(1)
    expect(harness.seen().filter(({ event }) => event?.id === 'same')).toHaveLength(2)
    expect(await harness.service('host').read(guest('Ada'))).toEqual({ greeted: 2 })
    expect(harness.seen().filter(({ topic }) => topic === 'host.dlq')).toMatchObject([
      { description: 'a dead letter on host.dlq: Knocked, because: nobody is there' },
    ])

    await harness.stopService('waiter')
    expect(() => harness.service('waiter')).toThrow(/is stopped/)
    expect(() => harness.service('cook')).toThrow(/No service cook/)
    await harness.service('host').decide(call, { name: 'Bob' })
    await harness.expectEvent(Greeted, { name: 'Bob' })
    await harness.expectNoEvent(Seated, { name: 'Bob' })
    await harness.startService('waiter')
    await harness.expectEvent(Seated, { name: 'Bob' })

    await expect(harness.expectEvent(Seated, { name: 'Eve' }, { timeoutMs: 50 })).rejects.toThrow(
      /Seated with \{ name: 'Eve' \} did not come within 50 ms\.\nSeen, in order:\n {2}1\. .*\nThe services said:\n.*nobody is there/s,
    )
    await expect(harness.stopService('cook')).rejects.toThrow(/No service cook/)
    const large = { name: 'x', count: 1 }
    // Bytes that no compression makes smaller.
    await expect(
      harness.publishRaw({ topic: Knocked.topic, key: 'x', headers: {}, value: randomBytes(2_000_000) }),
    ).rejects.toMatchObject({ code: 'TROUPE_EVENT_TOO_LARGE' })
    expect(() => Knocked({ ...large, count: 1.5 })).toThrow(/count/)
  })

  it('says who is behind when there is no rest', async () => {
    // A registry that others use is not stopped.
    const harness = await start({ services: [host], stack: 'embedded' })
    await (harness.stack as EmbeddedStack).registry.stop()
    // A schema that nobody has looked up yet: the service waits for the registry.
    await harness.publishRaw({
      topic: Knocked.topic,
      key: 'Ada',
      headers: { ce_specversion: '1.0', ce_id: '1', ce_type: 'Knocked', ce_source: 'door' },
      value: Buffer.from([0, 0, 0, 0, 99, 1]),
    })
    const problem = () => harness.atRest({ timeoutMs: 1_000 }).then(() => 'at rest', String)
    let said = await problem()
    // On a machine that does much else, nobody may have answered by then.
    while (said.includes('nobody has answered yet')) said = await problem()
    expect(said).toMatch(/Still not at rest after 1000 ms: .*host is at 0 of 1 in door\.events\/\d/)
  })
})
