import { startStack } from '@troupe/embedded'
import { hopSizes, measureHops } from '../hops/measure.ts'
import { troupePayment } from '../hops/troupe.ts'
import type { BenchCase } from '../run/case.ts'

/** One service of Troupe, alone on a machine with its broker and its database. */
export const hops: BenchCase = {
  name: 'hops',
  title:
    'one service alone (payment: hears, changes a document and a step, emits, publishes), hops/s and p99',
  sizes: hopSizes(5_000),
  async run(scene) {
    const stack = await startStack()
    try {
      return await measureHops(scene, troupePayment, stack, {
        perSecond: { atLeast: 6_000 },
        p99: { atMost: 25 },
      })
    } finally {
      await stack.stop()
    }
  },
}
