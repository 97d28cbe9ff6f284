import { avroEvent } from '@troupe/avro'
import { type AnyEventType, headerNames } from '@troupe/core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { Asked, CalledOff, Counted } from '../clerk/clerk.ts'
import { readEnds, readRecords } from '../facts/read-topics.ts'
import { pause } from '../world/pause.ts'
import { until } from '../world/until.ts'
import { type Office, openOffice, partitions } from './office.test.kit.ts'
import { isLong, rowTimeoutMs } from './stage.test.kit.ts'

let office: Office
beforeAll(async () => {
  office = await openOffice()
  for (const type of [Asked, CalledOff, Counted]) await office.register(type)
}, rowTimeoutMs)
afterEach(() => expect(office.surprises).toEqual([]))
afterAll(() => office?.close())

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)
const named = (name: string, count: number) => range(0, count).map((one) => `${name}-${one}`)
/** On a machine that does much else. */
const patient = { timeoutMs: rowTimeoutMs / 2 }

/** Resolves when every counter of a name has come to this number; none of them has missed one or seen one twice. */
async function counted(of: string, counters: number, last: number): Promise<void> {
  await until(
    async () => {
      const all = [...(await office.tallies(of)).values()]
      return all.length === counters && all.every((one) => one.last >= last)
    },
    { ...patient, what: `${of} at ${last}` },
  )
  for (const tally of (await office.tallies(of)).values()) expect(tally).toEqual({ last, wrong: [] })
}

describe('Two processes of one service', () => {
  it(
    'failure 11: that race a step against its undo, a thousand times, come to one outcome each',
    async () => {
      await office.world.instance('clerk-2').part.start()
      // The step's event and its undo's are in the hands of two processes.
      await until(async () => {
        const lanes = [...(await office.members()).values()]
        const isApart = (partition: number) =>
          !lanes.some((of) => [Asked, CalledOff].every(({ topic }) => of.includes(`${topic}/${partition}`)))
        return lanes.length === 2 && range(0, partitions).every(isApart)
      }, patient)
      const [races, atOnce, rooms] = [1_000, 50, 8]
      for (let from = 0; from < races; from += atOnce) {
        const places = range(from, from + atOnce).map((one) => ({ place: `room-${one % rooms}/${one}` }))
        const both = (from / atOnce) % 2 === 0 ? [Asked, CalledOff] : [CalledOff, Asked]
        await Promise.all(both.map((type) => office.publish(type, places)))
        await until(
          async () => {
            const [heard] = await office.query<{ count: number }>(
              `SELECT count(*)::int AS count FROM troupe.inbox WHERE type IN ('Asked', 'CalledOff')`,
            )
            return heard?.count === 2 * (from + atOnce)
          },
          { ...patient, everyMs: 5 },
        )
      }
      await expectOneOutcomeEach(races)
    },
    rowTimeoutMs,
  )

  it(
    'failure 27: whose topic grows from 3 to 6 partitions hear each key in order, and all of it',
    async () => {
      const { world, admin } = office
      const counters = named('grown', 60)
      const round = (number: number) => counters.map((counter) => ({ counter, number }))
      const rounds = async (from: number, to: number) => {
        for (const number of range(from, to)) await office.publish(Counted, round(number))
      }
      await world.instance('clerk-2').part.stop()
      // Slower than it is published, so that much lies in the old partitions when the new ones get theirs.
      world.instance('clerk-1').links.database.delay(100)
      await rounds(1, 101)
      await admin.createPartitions({ topicPartitions: [{ topic: Counted.topic, count: 2 * partitions }] })
      const later = rounds(101, 201)
      // Who comes brings the news of the new partitions.
      await world.instance('clerk-2').part.start()
      await later
      world.instance('clerk-1').links.database.heal()
      await counted('grown', counters.length, 200)
      const ends = await admin.fetchTopicOffsets(Counted.topic)
      expect(ends.filter(({ partition, high }) => partition >= partitions && high !== '0')).not.toEqual([])
    },
    rowTimeoutMs,
  )
})

describe('A process of a service', () => {
  it(
    'failure 20: works on without the registry, also started again, and lets a schema wait that is new',
    async () => {
      const { world } = office
      const { part, url } = world.instance('clerk-1')
      await world.instance('clerk-2').part.stop()
      const startsBefore = part.starts
      const [waits, other] = named('registered', 2) as [string, string]
      const publish = (counter: string, number: number, type: AnyEventType = Counted) =>
        office.publish(type, [{ counter, number }], counter === waits ? 0 : 1)
      const both = (number: number) => Promise.all([waits, other].map((counter) => publish(counter, number)))
      await office.register(countedLater)
      await both(1)
      await counted('registered', 2, 1)
      await world.registry.stop()
      // What the registry had said before is in the ledger soon, and more will not be asked of it.
      const kept = `SELECT FROM troupe.registry_schema WHERE schema ->> 'name' = 'chaos.counter.Counted'`
      await until(async () => (await office.query(kept)).length > 0, patient)
      await part.stop()
      await part.start()
      await both(2)
      await counted('registered', 2, 2)

      await publish(waits, 3, countedLater)
      await publish(waits, 4)
      await publish(other, 3)
      await until(async () => (await office.tallies('registered')).get(other)?.last === 3, patient)
      const lag = `kafka_consumergroup_lag{consumergroup="clerk",topic="${Counted.topic}",partition="0"}`
      await until(async () => (await office.metric('clerk-1', lag)) === 2, patient)
      expect((await office.tallies('registered')).get(waits)).toEqual({ last: 2, wrong: [] })
      expect((await fetch(`${url}/livez`)).status).toBe(200)
      expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({
        state: 'running',
        dependencies: { registry: { state: 'down' } },
      })

      await world.registry.start()
      await until(async () => (await office.tallies('registered')).get(waits)?.last === 4, patient)
      expect((await office.tallies('registered')).get(waits)).toEqual({ last: 4, wrong: [] })
      expect([part.starts - startsBefore, await deadLetters()]).toEqual([1, 0])
    },
    rowTimeoutMs,
  )

  it(
    'failure 36: that is slow and far behind keeps to its memory, and stays in its group',
    async () => {
      const { world } = office
      const { part, links } = world.instance('clerk-1')
      await world.instance('clerk-2').part.stop()
      await part.stop()
      // As many events as the row says take their time: else fewer and larger ones, fifty megabytes of them.
      const [perCounter, padding] = isLong ? [3_334, 'x'.repeat(5_000)] : [84, 'x'.repeat(20_000)]
      const counters = named('behind', 30)
      for (const number of range(1, perCounter + 1)) {
        await office.publish(
          Counted,
          counters.map((counter) => ({ counter, number, padding })),
        )
      }
      links.database.delay(40)
      await part.start()
      const [member] = (await office.members()).keys()
      let peakBytes = 0
      const done = new AbortController()
      const over = counted('behind', counters.length, perCounter).finally(() => done.abort())
      while (!done.signal.aborted) {
        const bytes = await office.metric('clerk-1', 'process_resident_memory_bytes')
        peakBytes = Math.max(peakBytes, bytes ?? 0)
        await pause(50)
      }
      await over
      expect(peakBytes / mebibyte).toBeLessThan(300)
      expect([...(await office.members()).keys()]).toEqual([member])
    },
    rowTimeoutMs,
  )
})

const mebibyte = 1024 * 1024

/** As a later release of its owner says it: read as `Counted`. */
const countedLater = avroEvent({
  owner: Counted.owner,
  schema: {
    ...Counted.schema,
    fields: [...Counted.schema.fields, { name: 'since', type: 'string', default: '' }],
  },
})

async function deadLetters(): Promise<number> {
  const ends = await readEnds(office.world.kafka, ['clerk.dlq'])
  return [...ends.values()].reduce((sum, end) => sum + Number(end), 0)
}

/** Either it was held and given back, or it was never held; and what is held and said tells the same. */
async function expectOneOutcomeEach(races: number): Promise<void> {
  const steps = await office.query<{ saga: string; state: string }>('SELECT saga, state FROM troupe.step')
  const ended = new Map(steps.map(({ saga, state }) => [saga, state]))
  expect(ended.size).toBe(races)
  const sagasOf = (state: string) => steps.filter((step) => step.state === state).map(({ saga }) => saga)
  const [undone, barred] = [sagasOf('undone'), sagasOf('barred')]
  expect(undone.length + barred.length).toBe(races)
  expect(Math.min(undone.length, barred.length)).toBeGreaterThan(0)

  const said = new Map<string, Map<string, string>>()
  await readRecords(office.world.kafka, ['clerk.events', 'clerk.dlq'], (topic, _, { key, headers }) => {
    const place = said.get(String(key)) ?? new Map<string, string>()
    said.set(String(key), place)
    // What the other process had in hand still may be published twice, under its id.
    place.set(String(headers?.[headerNames.id]), `${topic} ${String(headers?.[headerNames.type])}`)
  })
  expect([...said.keys()].toSorted()).toEqual(undone.toSorted())
  for (const events of said.values())
    expect([...events.values()]).toEqual(['clerk.events Held', 'clerk.events GivenBack'])

  const heard = await office.query<{ saga: string; type: string; outcome: string }>(
    `SELECT saga, type, outcome FROM troupe.inbox WHERE type IN ('Asked', 'CalledOff')`,
  )
  const expected = { undone: ['applied', 'applied'], barred: ['step-barred', 'barred'] }
  for (const { saga, type, outcome } of heard) {
    const [asked, calledOff] = expected[ended.get(saga) as keyof typeof expected]
    expect([saga, outcome]).toEqual([saga, type === 'Asked' ? asked : calledOff])
  }
  const rooms = await office.query<{ state: { held: number; heldEver: number } }>(
    `SELECT state FROM troupe.document WHERE kind = 'room' AND version > 0`,
  )
  expect(rooms.map(({ state }) => state.held)).toEqual(rooms.map(() => 0))
  expect(rooms.reduce((sum, { state }) => sum + state.heldEver, 0)).toBe(undone.length)
  // They were no strangers: some of them were decided again because the other process was first.
  await until(async () => {
    const [database] = await office.query<{ lost: number }>(
      'SELECT xact_rollback::int AS lost FROM pg_stat_database WHERE datname = current_database()',
    )
    return (database?.lost ?? 0) > 0
  }, patient)
}
