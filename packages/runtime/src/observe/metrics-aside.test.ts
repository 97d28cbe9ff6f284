import { describe, expect, it } from '@jest/globals'
import { type Failure, reaction, service, undo } from '@troupe/core'
import { Registry } from 'prom-client'
import { eventType } from '../kits/bank.test.kit.ts'
import { metricNames } from './metrics.ts'
import { measureAside } from './metrics-aside.ts'

const Asked = eventType('Asked', 'counter')
const bank = service({ name: 'bank', reactions: { book: reaction({ on: Asked, emits: [], react() {} }) } })

const Shown = eventType('Shown', 'counter')
const Voided = eventType('Voided', 'counter')
const Charged = eventType<'Charged', { account: string }>('Charged', 'till')
const charge = reaction({ on: Shown, emits: [Charged], perform: async () => null, react() {} })
const refund = undo(charge, { undoes: Charged, on: Voided, emits: [], react() {} })
const till = service({ name: 'till', reactions: { charge, refund } })

const failure: Failure = { reaction: 'book', code: 'x', message: 'no', stack: undefined, group: 'book-1' }
const place = { topic: 'counter.events', partition: 0, key: 'a' }
const next = { state: 'waiting', delayMs: 1, attempts: 1, failure } as const
const record = { ...place, offset: 0n, key: null, value: null, headers: {}, timestampMs: 0 }

function open(of = bank) {
  const states = [
    { keys: 4, paused: 1, held: 1, events: 5, bytes: 50, oldestMs: 4_000, isFull: false },
    { keys: 1, paused: 0, held: 0, events: 2, bytes: 20, oldestMs: 9_000, isFull: true },
  ]
  const clock = { nowMs: 1_000 }
  const partitions = new Map(states.map((state, at) => [`p${at}`, { open: { parked: { state } } }]))
  const aside = measureAside({ service: of, partitions, now: () => clock.nowMs }, metricNames)
  const registry = new Registry()
  for (const metric of aside.measured) registry.registerMetric<string>(metric)
  const lines = async (start: string) =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith(start))
  return { aside, lines, clock }
}

describe('the metrics of what is set aside', () => {
  it('say how much is parked in all partitions, also in those that nobody has, and since when', async () => {
    const { aside, lines, clock } = open()
    aside.parkedSum({ keys: 9, paused: 2, held: 3, events: 70, bytes: 700, oldestMs: 20_000 })
    clock.nowMs += 4_000
    expect(await lines('troupe_parked_keys')).toEqual([
      'troupe_parked_keys{state="waiting"} 4',
      'troupe_parked_keys{state="paused"} 2',
      'troupe_parked_keys{state="held"} 3',
    ])
    expect(await lines('troupe_parked_events')).toEqual(['troupe_parked_events 70'])
    expect(await lines('troupe_parked_oldest_seconds')).toEqual(['troupe_parked_oldest_seconds 24'])
    expect(await lines('troupe_partitions_held_by_parked')).toEqual(['troupe_partitions_held_by_parked 1'])
    aside.parkedSum({ keys: 0, paused: 0, held: 0, events: 0, bytes: 0, oldestMs: 0 })
    clock.nowMs += 4_000
    expect(await lines('troupe_parked_oldest_seconds')).toEqual(['troupe_parked_oldest_seconds 0'])
  })

  it('count what fails, what is tried again and what is given up, from nothing on', async () => {
    const { aside, lines } = open()
    expect(await lines('troupe_dead_letters_total')).toEqual([
      'troupe_dead_letters_total{reaction="book"} 0',
      'troupe_dead_letters_total{reaction="unreadable"} 0',
    ])
    const letter = { id: 'x', key: 'a', record, event: undefined, attempts: 6, firstFailedAtMs: undefined }
    aside.settled({
      keys: [
        { ...place, form: 'park', next, records: [] },
        { ...place, form: 'park', next: { ...next, state: 'paused' }, records: [] },
        { ...place, form: 'retry', version: 1, done: [], next },
      ],
      deadLetters: [
        { ...letter, failure },
        { ...letter, failure: { ...failure, reaction: undefined } },
      ],
    })
    aside.retries.inc({ reaction: 'book', outcome: 'handled' })
    expect(await lines('troupe_parked_total')).toEqual(['troupe_parked_total{reaction="book"} 1'])
    expect(await lines('troupe_dead_letters_total')).toEqual([
      'troupe_dead_letters_total{reaction="book"} 1',
      'troupe_dead_letters_total{reaction="unreadable"} 1',
    ])
    expect(await lines('troupe_retries_total')).toEqual([
      'troupe_retries_total{reaction="book",outcome="handled"} 1',
      'troupe_retries_total{reaction="book",outcome="failed"} 0',
      'troupe_retries_total{reaction="book",outcome="paused"} 0',
      'troupe_retries_total{reaction="book",outcome="dead-lettered"} 0',
    ])
  })

  it('count the steps that call outside and are barred in doubt, and those that are undone after all', async () => {
    const { aside, lines } = open(till)
    expect(await lines('troupe_steps_in_doubt_total')).toEqual([
      'troupe_steps_in_doubt_total{reaction="charge",outcome="barred"} 0',
      'troupe_steps_in_doubt_total{reaction="charge",outcome="undone"} 0',
    ])
    const step = { saga: 's', step: 'Charged' }
    const undone = { ...step, record, event: undefined, place }
    aside.doubted({
      called: [],
      barred: [
        { ...undone, isInDoubt: true },
        { ...undone, saga: 't', isInDoubt: false },
      ],
      undone: [step],
      settled: [step],
    })
    expect(await lines('troupe_steps_in_doubt_total')).toEqual([
      'troupe_steps_in_doubt_total{reaction="charge",outcome="barred"} 1',
      'troupe_steps_in_doubt_total{reaction="charge",outcome="undone"} 1',
    ])
    expect(await open(bank).lines('troupe_steps_in_doubt_total')).toEqual([])
  })
})
