import { setTimeout as delay } from 'node:timers/promises'
import { cpuFigures, ecosystemCast, readAll, spentBetween } from '../processes/cast.ts'
import type { BenchCase } from '../run/case.ts'
import { oneSaga } from '../run/one-saga.ts'

/** What everything costs while nothing happens. */
export const idleCpu: BenchCase = {
  name: 'idle-cpu',
  title:
    'share of one core that each process takes while no order comes in (stack: with an observer, as in the demo)',
  sizes: {
    'settle-ms': { full: 5_000, quick: 100, what: 'milliseconds before: what a start leaves to do' },
    'idle-ms': { full: 15_000, quick: 500, what: 'milliseconds without orders' },
  },
  async run({ size, signal, stage, note }) {
    const theStage = await stage()
    await oneSaga(theStage, signal)
    const cast = ecosystemCast(theStage.ecosystem)
    if (cast.size === 0) note('processor time of processes can only be read on Linux: left out')
    // What a start leaves to do, such as compiling and collecting garbage, is not idling.
    await delay(size('settle-ms'), undefined, { signal })
    const before = readAll(cast)
    const sinceMs = performance.now()
    await delay(size('idle-ms'), undefined, { signal })
    const after = readAll(cast)
    return cpuFigures(spentBetween(before, after), {
      by: performance.now() - sinceMs,
      suffix: 'idle',
      unit: 'share',
    })
  },
}
