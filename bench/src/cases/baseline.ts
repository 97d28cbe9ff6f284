import { baselinePayment } from '../hops/baseline.ts'
import { hopSizes, measureHops } from '../hops/measure.ts'
import { openSolo } from '../hops/solo.ts'
import type { BenchCase } from '../run/case.ts'

/** The same job by hand: what Troupe's throughput and latency are held against. */
export const baseline: BenchCase = {
  name: 'baseline',
  title: 'the same job by a hand-written inbox and outbox on kafkajs and pg (bench/baseline)',
  sizes: hopSizes(500),
  async run(scene) {
    const solo = await openSolo(baselinePayment, scene)
    try {
      return await measureHops(scene, solo)
    } finally {
      await solo.close()
    }
  },
}
