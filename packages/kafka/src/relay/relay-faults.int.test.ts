import { randomBytes } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import type { OutgoingRecord } from '@troupe/core'
import type { KafkaConnection } from '../client/client.ts'
import { type Bench, itOnEmbedded, numbered, outgoing, textOf, until, withBroker } from '../kafka.test.kit.ts'
import { createLogEnds } from '../receive/log-ends.ts'
import { createRelay, type Relay, type RelayTuning } from './relay.ts'

/** Source: Kafka protocol, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT. */
const notLeader = 6
const timedOut = 7

const keys = numbered('order-', 7)

function relayOf(
  bench: Bench,
  tuning: RelayTuning = {},
  connection: KafkaConnection = bench.connection,
): Relay {
  const relay = createRelay({ connection, log: bench.log, tuning })
  bench.later(() => relay.stop({ graceMs: 0 }))
  return relay
}

function events(count: number): OutgoingRecord[] {
  return numbered('e', count).map((id, index) => outgoing(id, { key: keys[index % keys.length] as string }))
}

/** Reads the topic to its end: every event must be there, each key in order once repetitions are left out. */
async function expectInOrder(
  bench: Bench,
  pushed: readonly OutgoingRecord[],
): Promise<{ readonly repeated: number }> {
  const ends = createLogEnds(bench.connection)
  bench.later(() => ends.close())
  const reached = await ends.read(['order.events'])
  const count = [...reached.values()].reduce((sum, end) => sum + Number(end), 0)
  const read = await bench.readAll('order.events', count)
  for (const key of keys) {
    const ids = read.filter((record) => textOf(record.key) === key).map(({ value }) => textOf(value))
    expect([...new Set(ids)]).toEqual(pushed.filter((record) => record.key === key).map(({ id }) => id))
  }
  return { repeated: count - pushed.length }
}

interface Produced {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly index: number }[]
  }[]
}

/** The answer to a Produce, with an error in the partitions that are named. */
function producedWith(
  errorCode: number,
  { topics }: Produced,
  isRefused: (partition: number) => boolean,
): unknown {
  const refused = { errorCode, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1, recordErrors: [] }
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((one) => ({
        errorMessage: null,
        ...one,
        ...(isRefused(one.index) && { index: one.index, ...refused }),
      })),
    })),
  }
}

describe('a relay', () => {
  it('failure 24: repeats what was acknowledged in vain, and keeps the order of each key', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 3)
      const { proxy, address } = await bench.proxy()
      const relay = relayOf(bench, { requestRecordsMax: 10 }, bench.connect(address))
      await relay.start()
      const pushed = events(200)
      for (let at = 0; at < pushed.length; at += 40) {
        relay.push(pushed.slice(at, at + 40))
        await until('some of them', () => relay.state.published >= at + 10)
        proxy.cutNextAnswer()
        await relay.drained()
      }
      expect((await expectInOrder(bench, pushed)).repeated).toBeGreaterThan(0)
      expect(relay.takePublished().toSorted()).toEqual(pushed.map(({ id }) => id).toSorted())
    }))

  it('failure 26: and another one that publish the same repeat it, and invert nothing', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 3)
      const relays = [7, 11].map((requestRecordsMax) => relayOf(bench, { requestRecordsMax }))
      await Promise.all(relays.map((relay) => relay.start()))
      const pushed = events(200)
      for (const relay of relays) relay.push(pushed)
      await Promise.all(relays.map((relay) => relay.drained()))
      expect((await expectInOrder(bench, pushed)).repeated).toBeGreaterThanOrEqual(pushed.length)
    }))

  it('failure 23: fills up to its limit while the broker is away, and drains in order', () =>
    withBroker(
      async (bench) => {
        await bench.createTopic('order.events', 3)
        const relay = relayOf(bench, { queueRecordsMax: 50 })
        await relay.start()
        const pushed = events(200)
        relay.push(pushed.slice(0, 10))
        await relay.drained()
        await bench.stopBroker()
        let handed = 10
        const producing = (async () => {
          while (handed < pushed.length) {
            await relay.room()
            relay.push(pushed.slice(handed, handed + 10))
            handed += 10
          }
        })()
        await until('the queue to be full', () => relay.state.queued >= 50)
        await until('trouble to be told', () => (relay.state.problems[0]?.attempt ?? 0) > 1)
        expect(handed).toBe(60)
        await bench.startBroker()
        await producing
        await relay.drained()
        await expectInOrder(bench, pushed)
        expect(relay.state).toMatchObject({ queued: 0, queuedBytes: 0, problems: [], refusedCount: 0 })
      },
      { isStopped: true },
    ))

  itOnEmbedded('keeps the order of each key where one partition of a request is refused', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 3)
      let asked = 0
      bench.broker.onRequest(({ api, request }) => {
        if (api !== 'Produce') return undefined
        asked += 1
        // Another leader: nothing is done. A timeout: all of it is done, and one partition is said not to be.
        if (asked % 4 === 1)
          return { kind: 'answer', response: producedWith(notLeader, request as Produced, () => true) }
        if (asked % 4 === 3)
          return {
            kind: 'change',
            change: (response) =>
              producedWith(timedOut, response as Produced, (partition) => partition === 1),
          }
        return undefined
      })
      const relay = relayOf(bench, { requestRecordsMax: 40 })
      await relay.start()
      const pushed = events(200)
      relay.push(pushed)
      await relay.drained()
      expect((await expectInOrder(bench, pushed)).repeated).toBeGreaterThan(0)
      expect(relay.state.refusedCount).toBe(0)
    }),
  )

  it('failure 30: compresses what is too large as it is, and sets aside only what stays too large', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 1, { 'max.message.bytes': '10000' })
      const relay = relayOf(bench)
      await relay.start()
      const large = outgoing('large', { value: Buffer.alloc(50_000, 'much the same ') })
      const huge = outgoing('huge', { value: randomBytes(50_000) })
      relay.push([outgoing('a'), large, outgoing('b'), huge, outgoing('c')])
      await relay.drained()
      const read = await bench.readOnce('order.events', 4)
      expect(read.map(({ value }) => textOf(value))).toEqual(['a', textOf(large.value), 'b', 'c'])
      expect(relay.state.refused.map(({ id }) => id)).toEqual(['huge'])
      // Whoever claims its lane again finds it in the outbox: it holds up nothing a second time.
      relay.push([huge, outgoing('d')])
      await relay.drained()
      expect(relay.state).toMatchObject({ queued: 0, published: 5, refusedCount: 1 })
    }))
})
