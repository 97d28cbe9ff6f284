import type { DoubtWrites, ParkedSum, Parking } from '@troupe/core'
import { Counter, Gauge } from 'prom-client'
import type { MetricsOptions } from './metrics.ts'
import type { RetryOutcome } from '../aside/set-aside.ts'

type MetricName =
  | 'parked'
  | 'retries'
  | 'deadLetters'
  | 'stepsInDoubt'
  | 'parkedKeys'
  | 'parkedEvents'
  | 'oldestParkedSeconds'
  | 'parkedFull'

/** What could not be read has no reaction. */
const unreadable = 'unreadable'
const outcomes: readonly RetryOutcome[] = ['handled', 'failed', 'paused', 'dead-lettered']

/** What is parked now, as the ledger counts it, and how often something was parked, tried again, or given up. */
export function measureAside(
  { service, partitions, now }: Pick<MetricsOptions, 'service' | 'partitions' | 'now'>,
  metricNames: Readonly<Record<MetricName, string>>,
) {
  const parked = new Counter({
    name: metricNames.parked,
    help: 'How often an event failed that had not failed before, and its key was parked',
    labelNames: ['reaction'],
    registers: [],
  })
  const retries = new Counter({
    name: metricNames.retries,
    help: 'Parked events that were tried again, by what came of it',
    labelNames: ['reaction', 'outcome'],
    registers: [],
  })
  const deadLetters = new Counter({
    name: metricNames.deadLetters,
    help: 'Dead letters, by the reaction that failed',
    labelNames: ['reaction'],
    registers: [],
  })
  const inDoubt = new Counter({
    name: metricNames.stepsInDoubt,
    help: 'Steps that an undo barred while their calls to the outside may have been made, and those that were done after all, so that the undo was due again',
    labelNames: ['reaction', 'outcome'],
    registers: [],
  })
  // There before the first of them: to Prometheus, a series that begins with 1 has not grown.
  for (const { name: reaction } of new Set(service.reactions.values())) {
    parked.inc({ reaction }, 0)
    deadLetters.inc({ reaction }, 0)
    for (const outcome of outcomes) retries.inc({ reaction, outcome }, 0)
  }
  deadLetters.inc({ reaction: unreadable }, 0)
  const reactionOf = new Map<string, string>()
  for (const { name: reaction, step, reaction: declared, isStep } of service.reactions.values()) {
    if (!isStep || step === undefined || !declared.perform) continue
    reactionOf.set(step, reaction)
    for (const outcome of ['barred', 'undone']) inDoubt.inc({ reaction, outcome }, 0)
  }

  let sum: ParkedSum = { keys: 0, paused: 0, held: 0, events: 0, bytes: 0, oldestMs: 0 }
  let countedAtMs = now()
  const keys = new Gauge({
    name: metricNames.parkedKeys,
    help: 'Parked keys of the service, in all partitions: waiting ones are tried again, paused ones once calls are made again, held ones wait for a person. Every process says the same',
    labelNames: ['state'],
    registers: [],
    collect() {
      this.set({ state: 'waiting' }, sum.keys - sum.paused - sum.held)
      this.set({ state: 'paused' }, sum.paused)
      this.set({ state: 'held' }, sum.held)
    },
  })
  const events = new Gauge({
    name: metricNames.parkedEvents,
    help: 'Events that are parked in them: those that failed, and those behind them of their keys. Every process says the same',
    registers: [],
    collect() {
      this.set(sum.events)
    },
  })
  const oldest = new Gauge({
    name: metricNames.oldestParkedSeconds,
    help: 'How long the oldest of these keys has been parked; 0 if there is none. Every process says the same',
    registers: [],
    collect() {
      // Goes on while nobody can count: the database may be away.
      this.set(sum.keys === 0 ? 0 : (sum.oldestMs + now() - countedAtMs) / 1_000)
    },
  })
  const full = new Gauge({
    name: metricNames.parkedFull,
    help: 'Partitions of this process that take nothing new because too much is parked in them',
    registers: [],
    collect() {
      this.set([...partitions.values()].filter(({ open }) => open.parked.state.isFull).length)
    },
  })

  return {
    measured: [parked, retries, deadLetters, inDoubt, keys, events, oldest, full],
    retries,
    parkedSum(counted: ParkedSum): void {
      sum = counted
      countedAtMs = now()
    },
    settled({ keys, deadLetters: letters }: Parking): void {
      for (const one of keys)
        if (one.form === 'park' && one.next.state !== 'paused')
          parked.inc({ reaction: one.next.failure.reaction ?? unreadable })
      for (const { failure } of letters) deadLetters.inc({ reaction: failure.reaction ?? unreadable })
    },
    doubted({ barred, undone }: DoubtWrites): void {
      const count = (step: string, outcome: 'barred' | 'undone') =>
        inDoubt.inc({ reaction: reactionOf.get(step) ?? step, outcome })
      for (const { step, isInDoubt } of barred) if (isInDoubt) count(step, 'barred')
      for (const { step } of undone) count(step, 'undone')
    },
  }
}
