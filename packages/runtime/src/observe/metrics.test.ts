import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { type InboxEntry, type OutgoingRecord, reaction, service, undo } from '@troupe/core'
import type { ReceiverState, RelayState } from '@troupe/kafka'
import { eventType, PaidIn } from '../kits/bank.test.kit.ts'
import { createDependencies } from '../service/dependencies.ts'
import { keepingLog } from '../kits/fakes.test.kit.ts'
import { createMetrics } from './metrics.ts'

const chargePayment = reaction({ on: PaidIn, emits: [], react: () => undefined })
const payment = service({ name: 'payment', reactions: { chargePayment } })
/** Of which something may be in doubt. */
const callingPayment = () => {
  const Charged = eventType('Charged', 'payment')
  const charge = reaction({ on: PaidIn, emits: [Charged], perform: async () => null, react() {} })
  const on = eventType('Voided', 'counter')
  const refund = undo(charge, { undoes: Charged, on, emits: [], react() {} })
  return service({ name: 'payment', reactions: { charge, refund } })
}
const alertsFile = new URL('../../../../compose/prometheus/troupe.rules.yml', import.meta.url)

function entry(type: string, outcome: InboxEntry['outcome']): InboxEntry {
  return { source: 'order', id: `${type}-${outcome}`, type, saga: 's', outcome }
}

function record(topic: string): OutgoingRecord {
  return { id: '1', lane: 'order.events/0', topic, key: 'k', headers: {}, value: new Uint8Array(0) }
}

function open(of = payment) {
  const dependencies = createDependencies({ log: keepingLog(), now: Date.now })
  const relay: { state: RelayState } = {
    state: {
      phase: 'running',
      queued: 7,
      queuedBytes: 70,
      published: 3,
      oldestUnpublishedSinceMs: 1_000,
      problems: [],
      refusedCount: 2,
      refused: [],
    },
  }
  const partition = { topic: 'order.events', position: 4n, highWatermark: 9n, waiting: 0, lost: 3n } as const
  const state: ReceiverState = {
    phase: 'receiving',
    sinceMs: 0,
    restarts: { crashed: 2, stalled: 1 },
    partitions: [
      { ...partition, partition: 0, phase: 'reading' },
      { ...partition, partition: 1, phase: 'reading' },
      { ...partition, partition: 2, phase: 'halted' },
    ],
  }
  const metrics = createMetrics({
    service: of,
    consumerGroup: 'review.payment',
    onWire: (topic) => `review.${topic}`,
    dependencies,
    relay,
    backPressure: {
      state: () => ({ holdsBack: 'events', sinceMs: 0, unpublished: 7, unpublishedBytes: 70 }),
    },
    receiver: { state, lag: () => [{ topic: 'order.events', partition: 1, lag: 5n }] },
    breakers: { states: () => ({ charge: 'open', refund: 'closed' }) },
    schemas: {
      unregistered: () => [{ type: 'Paid', state: 'remembered' }],
      losses: () => 2,
    },
    partitions: new Map(),
    now: () => 3_500,
  })
  const lines = async (start: string) =>
    (await metrics.text()).split('\n').filter((line) => line.startsWith(start))
  return { metrics, dependencies, relay, lines }
}

describe('the metrics of a service', () => {
  it('tell what is held back, and what the ledger forgets', async () => {
    const { metrics, lines } = open()
    metrics.meter.forgot('inbox', 3)
    metrics.meter.forgot('inbox', 4)
    expect(await lines('troupe_held_back')).toEqual([
      'troupe_held_back{what="events"} 1',
      'troupe_held_back{what="commands"} 0',
    ])
    expect(await lines('troupe_outbox_unpublished_bytes')).toEqual(['troupe_outbox_unpublished_bytes 70'])
    expect(await lines('troupe_ledger_forgotten_total')).toEqual([
      'troupe_ledger_forgotten_total{table="inbox"} 7',
    ])
  })

  it('count what became of events, by type, also of those that cannot be read', async () => {
    const { metrics, lines } = open()
    expect(await lines('troupe_events_handled_total')).toEqual([
      'troupe_events_handled_total{service="payment",type="PaidIn",outcome="dead-lettered"} 0',
      'troupe_events_handled_total{service="payment",type="unknown",outcome="dead-lettered"} 0',
    ])
    for (const _ of [1, 2]) {
      metrics.meter.settled({
        inbox: [entry('PaidIn', 'applied'), entry('PaidIn', 'dead-lettered')],
        outbox: [record('payment.dlq'), record('payment.dlq'), record('payment.events')],
      })
    }
    metrics.meter.settled({ inbox: [entry('InventoryFailed', 'barred')], outbox: [] })
    expect(await lines('troupe_events_handled_total')).toEqual([
      'troupe_events_handled_total{service="payment",type="PaidIn",outcome="dead-lettered"} 2',
      'troupe_events_handled_total{service="payment",type="PaidIn",outcome="applied"} 2',
      'troupe_events_handled_total{service="payment",type="unknown",outcome="dead-lettered"} 2',
      'troupe_events_handled_total{service="payment",type="InventoryFailed",outcome="barred"} 1',
    ])
    // Reading them changes nothing.
    expect(await lines('troupe_events_handled_total{service="payment",type="InventoryFailed"')).toHaveLength(
      1,
    )
  })

  it('are there from the start where an alert looks for growth, since a series that begins with 1 has not grown', async () => {
    const grown = [...readFileSync(alertsFile, 'utf8').matchAll(/increase\((\w+)/g)].map(([, name]) =>
      String(name),
    )
    expect(grown.length).toBeGreaterThan(2)
    const { lines } = open(callingPayment())
    const counted = await Promise.all(grown.map((name) => lines(name)))
    expect(grown.filter((_, at) => counted[at]?.length === 0)).toEqual([])
  })

  it('tell the lag under the names of Kafka, and the phases of partitions', async () => {
    const { lines } = open()
    expect(await lines('kafka_consumergroup_lag')).toEqual([
      'kafka_consumergroup_lag{consumergroup="review.payment",topic="review.order.events",partition="1"} 5',
    ])
    expect(await lines('troupe_partitions{')).toEqual([
      'troupe_partitions{phase="claiming"} 0',
      'troupe_partitions{phase="reading"} 2',
      'troupe_partitions{phase="checking"} 0',
      'troupe_partitions{phase="halted"} 1',
    ])
  })

  it('tell what waits for Kafka, and since when', async () => {
    const { lines, relay } = open()
    expect(await lines('troupe_outbox_unpublished ')).toEqual(['troupe_outbox_unpublished 7'])
    expect(await lines('troupe_relay')).toEqual([
      'troupe_relay_oldest_unpublished_seconds 2.5',
      'troupe_relay_refused 2',
    ])
    const { oldestUnpublishedSinceMs: _, ...empty } = relay.state
    relay.state = { ...empty, queued: 0 }
    expect(await lines('troupe_relay_oldest')).toEqual(['troupe_relay_oldest_unpublished_seconds 0'])
  })

  it('tell which dependency answers, and how long batches and their stages took', async () => {
    const { metrics, dependencies, lines } = open()
    dependencies.report('database', undefined)
    dependencies.report('kafka', new Error('away'))
    expect(await lines('troupe_dependency_up')).toEqual([
      'troupe_dependency_up{dependency="database"} 1',
      'troupe_dependency_up{dependency="kafka"} 0',
      'troupe_dependency_up{dependency="registry"} 0',
    ])
    metrics.meter.stageTook('recall', 0.5)
    metrics.meter.stageTook('settle', 0.25)
    metrics.meter.stageTook('settle', 0.25)
    expect(await lines('troupe_stage_seconds_sum')).toEqual([
      'troupe_stage_seconds_sum{stage="recall"} 0.5',
      'troupe_stage_seconds_sum{stage="settle"} 0.5',
    ])
    metrics.meter.tookSeconds(0.02)
    expect(await lines('troupe_batch_seconds_bucket{le="0.01"}')).toEqual([
      'troupe_batch_seconds_bucket{le="0.01"} 0',
    ])
    expect(await lines('troupe_batch_seconds_bucket{le="0.025"}')).toEqual([
      'troupe_batch_seconds_bucket{le="0.025"} 1',
    ])
  })

  it('tell how many deadlines are pending, how long one has been overdue, and how late they were fired', async () => {
    const { metrics, lines } = open()
    metrics.meter.deadlinesPending({ count: 3, overdueMs: 1_500 })
    metrics.meter.deadlineFired(2)
    expect(await lines('troupe_deadlines_pending')).toEqual(['troupe_deadlines_pending 3'])
    expect(await lines('troupe_deadline_overdue_seconds')).toEqual(['troupe_deadline_overdue_seconds 1.5'])
    expect(await lines('troupe_deadline_late_seconds_count')).toEqual([
      'troupe_deadline_late_seconds_count 1',
    ])
    expect(await lines('troupe_deadline_late_seconds_bucket{le="1"}')).toEqual([
      'troupe_deadline_late_seconds_bucket{le="1"} 0',
    ])
  })

  it('are kept apart from those of another service in the same process', async () => {
    const [one, other] = [open(), open()]
    one.metrics.meter.settled({ inbox: [entry('PaidIn', 'applied')], outbox: [] })
    expect(await one.lines('troupe_events_handled_total')).toHaveLength(3)
    expect(await other.lines('troupe_events_handled_total')).toHaveLength(2)
    expect(await other.lines('process_cpu_seconds_total')).toHaveLength(1)
  })

  it('count consumers that were replaced, records that were gone, and how long reactions blocked the process', async () => {
    const { metrics, lines } = open()
    metrics.meter.blocked('chargePayment', 1.5)
    metrics.meter.blocked('chargePayment', 0.5)
    expect(await lines('troupe_consumer_restarts_total')).toEqual([
      'troupe_consumer_restarts_total{reason="crashed"} 2',
      'troupe_consumer_restarts_total{reason="stalled"} 1',
    ])
    expect(await lines('troupe_records_lost{')).toEqual(
      [0, 1, 2].map((one) => `troupe_records_lost{topic="review.order.events",partition="${one}"} 3`),
    )
    expect(await lines('troupe_event_loop_blocked_seconds_total')).toEqual([
      'troupe_event_loop_blocked_seconds_total{reaction="chargePayment"} 2',
    ])
  })
})
