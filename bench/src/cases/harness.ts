import { fileURLToPath } from 'node:url'
import { dockerProblem, startRealStack } from '@troupe/testing/testcontainers'
import { measuredBy } from '../processes/measuring-process.ts'
import { type Figures, medianOf } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'
import type { HarnessTimings } from './harness-process.ts'

/** What a test of the whole chain costs on either stack; each run is a process of its own. */
export const harness: BenchCase = {
  name: 'harness',
  title:
    'EventTestHarness with the four services and one order through all of them, in fresh processes, median',
  sizes: { runs: { full: 5, quick: 1, what: 'runs on each stack' } },
  isOnlyWhenNamed: true,
  async run(scene) {
    const embedded = await runsOf(scene, 'embedded', { TROUPE_STACK: 'embedded' })
    const problem = await dockerProblem()
    if (problem) {
      scene.note(`SKIPPED containers: ${problem.message.split('\n')[0]}`)
      return column('embedded', embedded, 0, 2_000)
    }
    const stack = await startRealStack({ log: scene.note })
    try {
      const containers = await runsOf(scene, 'containers', stack.environment)
      const { totalMs } = stack.timings
      return {
        ...column('embedded', embedded, 0, 2_000),
        'start of the stack [containers]': { value: totalMs, unit: 'ms' },
        ...column('containers', containers, totalMs),
        'start to OrderCompleted [containers / embedded]': {
          value: toCompleted(containers) / toCompleted(embedded),
          unit: 'ratio',
        },
      }
    } finally {
      await stack.stop()
    }
  },
}

interface Run extends HarnessTimings {
  /** From the start of the process to its end: what it loads, and what it waits for at the end, included. */
  readonly processMs: number
}

async function runsOf(
  { size, note, signal }: Scene,
  name: string,
  environment: Readonly<Record<string, string>>,
): Promise<readonly Run[]> {
  const main = fileURLToPath(import.meta.resolve('./harness-process.js'))
  const runs: Run[] = []
  for (let run = 1; run <= size('runs'); run += 1) {
    const sinceMs = performance.now()
    const timings = await measuredBy<HarnessTimings>(main, { environment, signal })
    runs.push({ ...timings, processMs: performance.now() - sinceMs })
    note(
      `${name} ${run}/${size('runs')}: ${(timings.startMs + timings.orderMs).toFixed(0)} ms to OrderCompleted`,
    )
  }
  return runs
}

const toCompleted = (runs: readonly Run[]) => medianOf(runs.map(({ startMs, orderMs }) => startMs + orderMs))

function column(name: string, runs: readonly Run[], stackMs: number, completedMsMax?: number): Figures {
  const median = (part: keyof Run) => ({ value: medianOf(runs.map((run) => run[part])), unit: 'ms' }) as const
  return {
    [`start of the harness [${name}]`]: median('startMs'),
    [`first order [${name}]`]: median('orderMs'),
    [`start to OrderCompleted [${name}]`]: {
      value: toCompleted(runs),
      unit: 'ms',
      ...(completedMsMax === undefined ? {} : { aim: { atMost: completedMsMax } }),
    },
    [`the same, stack included [${name}]`]: { value: stackMs + toCompleted(runs), unit: 'ms' },
    [`stop [${name}]`]: median('stopMs'),
    [`the whole process [${name}]`]: median('processMs'),
  }
}
