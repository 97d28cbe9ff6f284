import { percentilesOf } from '@troupe/cli'
import { type Cast, cpuFigures, readAll, type Spent, spentBetween, sumOf } from '../processes/cast.ts'
import type { Child } from '../processes/child.ts'
import { type Aim, type Figures, medianOf } from '../report/figure.ts'
import type { Scene, Size } from '../run/case.ts'
import type { Rig } from './rig.ts'
import type { Solo } from './solo.ts'

/** What {@link measureHops} asks for, of a contender that does about so many hops a second. */
export function hopSizes(
  perSecond: number,
): Readonly<Record<'warm-up' | 'hops' | 'rounds' | 'warm-up-seconds' | 'seconds' | 'same-load', Size>> {
  return {
    'warm-up': { full: 4 * perSecond, quick: 200, what: 'hops before, for V8 to compile' },
    hops: { full: 4 * perSecond, quick: 200, what: 'hops in each round' },
    rounds: { full: 3, quick: 1, what: 'rounds' },
    'warm-up-seconds': {
      full: 10,
      quick: 1,
      what: 'seconds at half the load before, as batches are smaller there',
    },
    seconds: { full: 15, quick: 2, what: 'seconds at half the load' },
    'same-load': { full: 500, quick: 50, what: 'hops a second that every contender is given as well' },
  }
}

/**
 * How many hops a second one instance does when they pile up before it, and how long a hop takes at half
 * that load, and at a load that is the same for all: from when its event was due to be published to when the
 * answer was read.
 */
export async function measureHops(
  { note, problem, size }: Scene,
  { name, rig, child, cast }: Solo,
  aims: { readonly perSecond?: Aim; readonly p99?: Aim } = {},
): Promise<Figures> {
  await pileUp(rig, child, cast, size('warm-up'))
  note(`warm after ${size('warm-up')} hops`)
  const rounds: PileUp[] = []
  for (let round = 1; round <= size('rounds'); round += 1) {
    rounds.push(await pileUp(rig, child, cast, size('hops')))
    note(`round ${round}/${size('rounds')}: ${rounds.at(-1)?.perSecond.toFixed(0)} hops/s`)
  }
  const perSecond = medianOf(rounds.map((round) => round.perSecond))

  await paced(rig, child, perSecond / 2, size('warm-up-seconds'))
  note('warm at half the load')
  const before = readAll(cast)
  const half = await paced(rig, child, perSecond / 2, size('seconds'))
  const spentAtHalf = spentBetween(before, readAll(cast))
  const { p50, p95, p99, max } = percentilesOf(half.flat())

  await paced(rig, child, size('same-load'), size('warm-up-seconds'))
  note(`warm at ${size('same-load')} a second`)
  const same = percentilesOf((await paced(rig, child, size('same-load'), size('seconds'))).flat())
  if (rig.strays() > 0) problem(`${name}: ${rig.strays()} answers came twice, or to orders that nobody sent`)
  return {
    'hops at saturation': { value: perSecond, unit: 'hops/s', ...aimOf(aims.perSecond) },
    'half load': { value: perSecond / 2, unit: 'hops/s' },
    'p50 at half load': { value: p50, unit: 'ms' },
    'p95 at half load': { value: p95, unit: 'ms' },
    'p99 at half load': { value: p99, unit: 'ms', ...aimOf(aims.p99) },
    'max at half load': { value: max, unit: 'ms' },
    // Far below the p99 of all: a few stalls. As high: a queue that stands.
    'p99 of the median second': { value: medianOf(half.map((one) => percentilesOf(one).p99)), unit: 'ms' },
    'same load': { value: size('same-load'), unit: 'hops/s' },
    'p50 at the same load': { value: same.p50, unit: 'ms' },
    'p99 at the same load': { value: same.p99, unit: 'ms' },
    ...cpuFigures(sumOf(rounds.map(({ spent }) => spent)), {
      by: size('hops') * size('rounds'),
      suffix: 'CPU per hop',
      unit: 'ms',
    }),
    ...cpuFigures(spentAtHalf, { by: half.flat().length, suffix: 'CPU per hop at half load', unit: 'ms' }),
  }
}

function aimOf(aim: Aim | undefined): { readonly aim?: Aim } {
  return aim ? { aim } : {}
}

/** How long each hop took, by the second in which it was answered. */
async function paced(
  rig: Rig,
  { failed }: Child,
  perSecond: number,
  seconds: number,
): Promise<readonly (readonly number[])[]> {
  rig.takeLatencies()
  const bySecond: (readonly number[])[] = []
  const everySecond = setInterval(() => bySecond.push(rig.takeLatencies()), 1_000)
  try {
    await Promise.race([rig.pace(perSecond, seconds), failed])
    await Promise.race([rig.done(), failed])
  } finally {
    clearInterval(everySecond)
  }
  bySecond.push(rig.takeLatencies())
  return bySecond.filter(({ length }) => length > 0)
}

/** One pile that was worked off. */
export interface PileUp {
  readonly perSecond: number
  readonly spent: Spent
}

/** Lets hops pile up before a process that is frozen; then, how many of them it does a second. */
export async function pileUp(rig: Rig, child: Child, cast: Cast, count: number): Promise<PileUp> {
  child.freeze()
  try {
    await rig.feed(count)
  } finally {
    child.wake()
  }
  const before = readAll(cast)
  const sinceMs = performance.now()
  await Promise.race([rig.done(), child.failed])
  return {
    perSecond: count / ((rig.lastSeenAtMs() - sinceMs) / 1_000),
    spent: spentBetween(before, readAll(cast)),
  }
}
