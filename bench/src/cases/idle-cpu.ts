import { setTimeout as delay } from 'node:timers/promises'
import { cpuFigures, ecosystemCast, readAll } from '../processes/cast.ts'
import type { BenchCase } from '../run/case.ts'
import { oneSaga } from '../run/one-saga.ts'

/** What everything costs while nothing happens. */
export const idleCpu: BenchCase = {
  name: 'idle-cpu',
  title:
    'share of one core that each process takes while no order comes in (stack: with an observer, as in the demo)',
  async run({ isQuick, signal, stage, note }) {
    const theStage = await stage()
    await oneSaga(theStage, signal)
    const cast = ecosystemCast(theStage.ecosystem)
    if (cast.size === 0) note('processor time of processes can only be read on Linux: left out')
    // What a start leaves to do, such as compiling and collecting garbage, is not idling.
    await delay(isQuick ? 100 : 5_000, undefined, { signal })
    const before = readAll(cast)
    const sinceMs = performance.now()
    await delay(isQuick ? 500 : 15_000, undefined, { signal })
    const after = readAll(cast)
    return cpuFigures(before, after, { by: performance.now() - sinceMs, suffix: 'idle', unit: 'share' })
  },
}
