import { percentilesOf } from '@troupe/cli'
import { type FaultySolo, openFaulty, untilCounted } from '../hops/faulty.ts'
import { type Figures, medianOf } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'

/** What keys that are parked cost those that are not. */
export const neighbours: BenchCase = {
  name: 'neighbours',
  title: 'how long hops take beside no parked key, beside one, and beside many, in turns, at an even rate',
  sizes: {
    'warm-up': { full: 20_000, quick: 200, what: 'hops before, for V8 to compile' },
    rate: { full: 1_000, quick: 100, what: 'hops a second, of keys that are not parked' },
    seconds: { full: 8, quick: 1, what: 'seconds of each round' },
    rounds: { full: 5, quick: 1, what: 'rounds of each' },
    many: { full: 100, quick: 10, what: 'parked keys that are many; each is tried again every second' },
  },
  async run(scene) {
    const { size, note, problem } = scene
    const solo = await openFaulty(scene, {
      TROUPE_RETRY_ATTEMPTS: '10000',
      TROUPE_RETRY_DELAY_MAX_MS: '1000',
    })
    try {
      const parked = { none: 0, one: 1, many: size('many') }
      const rounds: Record<Beside, { readonly p50: number; readonly p99: number }[]> = {
        none: [],
        one: [],
        many: [],
      }
      // Batches are smaller than in the pile that was worked off before.
      await beside(solo, scene, 0)
      for (let round = 1; round <= size('rounds'); round += 1) {
        for (const side of sides) rounds[side].push(await beside(solo, scene, parked[side]))
        const p99 = sides.map((side) => rounds[side].at(-1)?.p99.toFixed(1)).join(', ')
        note(`round ${round}/${size('rounds')}: p99 ${p99} ms beside none, one, many`)
      }
      const strays = solo.rig.strays()
      if (strays > 0) problem(`${strays} answers came twice, or to orders that nobody sent`)
      return figuresOf(rounds)
    } finally {
      await solo.close()
    }
  },
}

type Beside = 'none' | 'one' | 'many'
const sides: readonly Beside[] = ['none', 'one', 'many']

/** How long hops of other keys take while so many are parked. */
async function beside(solo: FaultySolo, { size, signal }: Scene, parked: number) {
  const { rig, client, child } = solo
  await solo.break()
  if (parked > 0) await solo.feedFaulty(parked, size('rate'))
  await untilCounted(client, 'SELECT count(*) FROM troupe.parked_key', parked, signal)
  rig.takeLatencies()
  await Promise.race([rig.pace(size('rate'), size('seconds')), child.failed])
  await Promise.race([rig.done(parked), child.failed])
  const { p50, p99 } = percentilesOf(rig.takeLatencies())
  await solo.mend()
  await Promise.race([rig.done(), child.failed])
  await untilCounted(client, 'SELECT count(*) FROM troupe.parked_key', 0, signal)
  return { p50, p99 }
}

function figuresOf(
  rounds: Readonly<Record<Beside, readonly { readonly p50: number; readonly p99: number }[]>>,
): Figures {
  const figures: Record<string, Figures[string]> = {}
  for (const name of ['p50', 'p99'] as const) {
    const of = (side: Beside) => medianOf(rounds[side].map((round) => round[name]))
    for (const side of sides) figures[`${name} [${side}]`] = { value: of(side), unit: 'ms' }
    for (const side of ['one', 'many'] as const) {
      figures[`${name} [${side} / none]`] = {
        value: of(side) / of('none'),
        unit: 'ratio',
        ...(name === 'p99' ? { aim: { atMost: 1.2 } } : {}),
      }
    }
  }
  return figures
}
