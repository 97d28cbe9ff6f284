import { medianOf } from '../report/figure.ts'
import type { BenchCase } from '../run/case.ts'
import { oneSaga } from '../run/one-saga.ts'
import { openStage } from '../run/stage.ts'

/** The first order of fresh processes: nothing is compiled, no schema is known, no connection is warm. */
export const firstSaga: BenchCase = {
  name: 'first-saga',
  title: 'first saga after the start of stack and services, POST to OrderCompleted on Kafka, median',
  sizes: { starts: { full: 5, quick: 1, what: 'starts of everything' } },
  async run({ size, signal, note, stage: lastStage }) {
    const starts: number[] = []
    const firsts: number[] = []
    const count = size('starts')
    for (let run = 1; run <= count; run += 1) {
      // The last one is for whoever comes next in this process.
      const isLast = run === count
      const stage = isLast ? await lastStage() : await openStage(signal)
      try {
        starts.push(stage.ecosystem.timings.totalMs)
        firsts.push(await oneSaga(stage, signal))
      } finally {
        if (!isLast) await stage.close()
      }
      note(`start ${run}/${count}: first saga after ${firsts.at(-1)?.toFixed(0)} ms`)
    }
    return {
      'first saga': { value: medianOf(firsts), unit: 'ms' },
      'stack and services start': { value: medianOf(starts), unit: 'ms' },
    }
  },
}
