import { hopSizes, measureHops } from '../hops/measure.ts'
import type { BenchCase } from '../run/case.ts'

/** One service of Troupe, alone on a machine with its broker and its database. */
export const hops: BenchCase = {
  name: 'hops',
  title:
    'one service alone (payment: hears, changes a document and a step, emits, publishes), hops/s and p99',
  sizes: hopSizes(5_000),
  run: async (scene) =>
    measureHops(scene, await scene.solo(), { perSecond: { atLeast: 6_000 }, p99: { atMost: 25 } }),
}
