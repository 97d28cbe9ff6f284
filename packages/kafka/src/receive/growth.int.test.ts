import { describe, expect, it } from '@jest/globals'
import { laneOf, type OutgoingRecord } from '@troupe/core'
import { firsts, MemoryLedger, outgoing, textOf, until, withBroker } from '../kafka.test.kit.ts'
import { createRelay } from '../relay/relay.ts'

const topics = ['order.events']
const keys = Array.from({ length: 40 }, (_, key) => `order-${key}`)
const tuning = { metadataMaxAgeMs: 50, heartbeatIntervalMs: 50 }

/** One event of every key, numbered. */
function round(number: number): OutgoingRecord[] {
  return keys.map((key) => outgoing(`${key}/${number}`, { key, value: Buffer.from(String(number)) }))
}

describe('failure 27: partitions that grow from 3 to 6 under load', () => {
  it('keep the order of every key, also between the members of a group', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 3)
      const ledger = new MemoryLedger()
      let isHeld = false
      const letGo: (() => void)[] = []
      const holds = [0, 1, 2].map((one) => new Promise<void>((resolve) => (letGo[one] = resolve)))
      const members = [0, 1].map(() =>
        bench.receiver({
          topics,
          tuning,
          assign: (one) =>
            Promise.resolve(
              ledger.work(one, () => (isHeld ? holds[one.partition] : undefined) ?? Promise.resolve()),
            ),
          positionOf: (one) => Promise.resolve(ledger.positions.get(laneOf(one))?.next),
        }),
      )
      const partitions = () => members.flatMap(({ state }) => state.partitions)
      await Promise.all(members.map((member) => member.start()))
      const relay = createRelay({ connection: bench.connection, log: bench.log, tuning })
      bench.later(() => relay.stop({ graceMs: 0 }))
      await relay.start()

      relay.push(round(0))
      await until('the first round', () => firsts(ledger.records).length === keys.length)
      isHeld = true
      relay.push(round(1))
      await relay.drained()
      await bench.grow('order.events', 6)
      // Until the producer has noticed, and what it sent to a new partition has come.
      let last = 2
      const hasCome = () =>
        partitions().some(({ waitsFor }) => waitsFor) ||
        ledger.records.some(({ partition }) => partition >= 3)
      for (const end = performance.now() + 20_000; !hasCome() && performance.now() < end; last += 1) {
        relay.push(round(last))
        await relay.drained()
      }
      expect(ledger.records.filter(({ partition }) => partition >= 3)).toEqual([])
      letGo[1]?.()
      letGo[2]?.()
      // The last of the old ones is another member's than some of the new ones.
      await until('all new ones to wait for the last old one', () =>
        partitions()
          .filter(({ partition }) => partition >= 3)
          .every(
            ({ waitsFor }) => waitsFor?.[0] === 'order.events/0' && !waitsFor.includes('order.events/1'),
          ),
      )
      letGo[0]?.()
      await until('all of it', () => firsts(ledger.records).length === last * keys.length)

      const moved = new Set<string>()
      for (const key of keys) {
        const of = firsts(ledger.records).filter((record) => textOf(record.key) === key)
        expect(of.map(({ value }) => Number(textOf(value)))).toEqual(
          Array.from({ length: last }, (_, number) => number),
        )
        if (new Set(of.map(({ partition }) => partition)).size > 1) moved.add(key)
      }
      expect(moved.size).toBeGreaterThan(keys.length / 10)
      await until('nobody to wait', () => partitions().every(({ waitsFor }) => !waitsFor))
      expect(bench.log.lines.some(({ message }) => message.startsWith('the topic has grown'))).toBe(true)
    }))

  it('wait also where the old ones were empty when their owner claimed them', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 3)
      const ledger = new MemoryLedger()
      let isHeld = false
      let letGo = (): void => undefined
      const hold = new Promise<void>((resolve) => (letGo = resolve))
      const receiver = bench.receiver({
        topics,
        tuning,
        assign: (one) =>
          Promise.resolve(ledger.work(one, () => (isHeld && one.partition === 0 ? hold : Promise.resolve()))),
        positionOf: (one) => Promise.resolve(ledger.positions.get(laneOf(one))?.next),
      })
      await receiver.start()
      for (const partition of [0, 1, 2]) await bench.publish('order.events', ['first'], partition)
      await until('the first ones', () => ledger.records.length === 3)
      isHeld = true
      await bench.publish('order.events', ['held'], 0)
      await bench.grow('order.events', 6)
      for (const partition of [3, 4, 5]) await bench.publish('order.events', ['later'], partition)
      const reading = (): readonly (readonly string[] | undefined)[] =>
        receiver.state.partitions.filter(({ partition }) => partition >= 3).map(({ waitsFor }) => waitsFor)
      await until('the new ones, waiting or read', () => {
        const waiting = reading().filter((one) => one?.includes('order.events/0')).length
        return waiting + ledger.records.filter(({ partition }) => partition >= 3).length >= 3
      })
      expect(ledger.records.filter(({ partition }) => partition >= 3)).toEqual([])
      letGo()
      await until('all of it', () => ledger.records.length === 7)
    }))

  it('are begun with side by side by a group that never read the topic', () =>
    withBroker(async (bench) => {
      await bench.createTopic('order.events', 3)
      for (const partition of [0, 1, 2]) await bench.publish('order.events', ['a'], partition)
      let end = (): void => undefined
      const endless = new Promise<void>((resolve) => {
        end = resolve
      })
      const ledger = new MemoryLedger()
      const receiver = bench.receiver({
        topics,
        assign: (one) =>
          Promise.resolve(ledger.work(one, () => (one.partition === 0 ? endless : Promise.resolve()))),
      })
      await receiver.start()
      await until('the others', () => ledger.records.length === 2)
      expect(receiver.state.partitions.map(({ waitsFor }) => waitsFor)).toEqual([
        undefined,
        undefined,
        undefined,
      ])
      end()
    }))
})
