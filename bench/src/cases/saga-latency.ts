import { percentilesOf } from '@troupe/cli'
import type { BenchCase } from '../run/case.ts'
import { oneSaga } from '../run/one-saga.ts'

/** How long one saga takes when nothing else goes on. */
export const sagaLatency: BenchCase = {
  name: 'saga-latency',
  title: 'one saga at a time, four hops, POST to OrderCompleted on Kafka',
  sizes: {
    sagas: { full: 300, quick: 5, what: 'sagas, one at a time' },
    'warm-up': { full: 50, quick: 1, what: 'sagas before' },
  },
  async run({ size, signal, stage, note }) {
    const theStage = await stage()
    const count = size('sagas')
    const warmUps = size('warm-up')
    for (let one = 0; one < warmUps; one += 1) await oneSaga(theStage, signal)
    const latencies: number[] = []
    for (let one = 1; one <= count; one += 1) {
      latencies.push(await oneSaga(theStage, signal))
      if (one % 100 === 0) note(`${one}/${count} sagas`)
    }
    const { p50, p95, p99, max } = percentilesOf(latencies)
    return {
      p50: { value: p50, unit: 'ms' },
      p95: { value: p95, unit: 'ms' },
      p99: { value: p99, unit: 'ms' },
      max: { value: max, unit: 'ms' },
      'sagas measured': { value: count, unit: 'sagas' },
    }
  },
}
