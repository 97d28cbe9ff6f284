import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StackTimings } from '@troupe/embedded'
import { measuredBy } from '../processes/measuring-process.ts'
import { type Figure, medianOf } from '../report/figure.ts'
import type { BenchCase } from '../run/case.ts'

/** Each start is a process of its own, as a user's is: nothing is compiled or loaded yet. */
export const stackStart: BenchCase = {
  name: 'stack-start',
  title: 'start of broker, registry and PostgreSQL (cold: nothing in the cache folder), median',
  sizes: {
    warm: { full: 7, quick: 1, what: 'warm starts' },
    cold: { full: 3, quick: 1, what: 'cold starts' },
  },
  async run({ size, signal, note }) {
    const warm = await runs(size('warm'), () => startOnce(undefined, signal), note, 'warm')
    const cold = await runs(size('cold'), () => startCold(signal), note, 'cold')
    return { ...figures('warm', warm), ...figures('cold', cold) }
  },
}

async function runs(
  count: number,
  start: () => Promise<StackTimings>,
  note: (text: string) => void,
  name: string,
): Promise<readonly StackTimings[]> {
  const timings: StackTimings[] = []
  for (let run = 1; run <= count; run += 1) {
    timings.push(await start())
    note(`${name} start ${run}/${count}: ${timings.at(-1)?.totalMs} ms`)
  }
  return timings
}

async function startCold(signal: AbortSignal): Promise<StackTimings> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-cache-'))
  try {
    // PostgreSQL does not run as root; whoever it runs as must get in.
    await chmod(folder, 0o755)
    return await startOnce(folder, signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Starts a stack in a process of its own and waits until both have ended. */
function startOnce(cacheDir: string | undefined, signal: AbortSignal): Promise<StackTimings> {
  const main = fileURLToPath(import.meta.resolve('./stack-start-process.js'))
  return measuredBy(main, { words: cacheDir === undefined ? [] : [cacheDir], signal })
}

function figures(name: string, timings: readonly StackTimings[]): Record<string, Figure> {
  const median = (part: keyof StackTimings): Figure => ({
    value: medianOf(timings.map((one) => one[part])),
    unit: 'ms',
  })
  return {
    [`${name} broker`]: median('kafkaMs'),
    [`${name} registry`]: median('registryMs'),
    [`${name} postgresql`]: median('postgresMs'),
    [`${name} all three`]: median('totalMs'),
  }
}
