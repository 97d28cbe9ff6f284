import { type Cast, cpuFigures, readAll, spentBetween } from '../processes/cast.ts'
import { type Aim, type Figures, medianOf } from '../report/figure.ts'
import type { Scene } from './case.ts'
import { hopsPerSaga } from './many-sagas.ts'

/** What a round of sagas says. */
export interface Round {
  readonly sagasPerSecond: number
  /** From its beginning to its end, waiting behind the others included. */
  readonly latencyMs: { readonly p50: number; readonly p99: number }
}

/** What {@link measureRounds} asks for. */
export const roundSizes = {
  'warm-up': { full: 15_000, quick: 20, what: 'sagas between the first round and the warm ones' },
  sagas: { full: 2_000, quick: 20, what: 'sagas in each round' },
  rounds: { full: 3, quick: 1, what: 'warm rounds' },
}

/**
 * Plays rounds of sagas: the first right after the start, then warm ones, when V8 has compiled what a
 * service does all day. Processor time is counted over the warm rounds, and is the number to trust on a
 * machine that does other things as well.
 */
export async function measureRounds(
  { size, note }: Pick<Scene, 'size' | 'note'>,
  cast: Cast,
  play: (sagaCount: number) => Promise<Round>,
  sagasAim?: Aim,
): Promise<Figures> {
  const count = size('sagas')
  const warmRounds = size('rounds')
  const first = await play(count)
  note(`first ${count} sagas: ${first.sagasPerSecond.toFixed(0)} sagas/s`)
  await play(size('warm-up'))
  note(`warm after ${size('warm-up')} sagas more`)
  const rounds: Round[] = []
  const before = readAll(cast)
  for (let round = 1; round <= warmRounds; round += 1) {
    const one = await play(count)
    rounds.push(one)
    note(`warm round ${round}/${warmRounds}: ${one.sagasPerSecond.toFixed(0)} sagas/s`)
  }
  const after = readAll(cast)
  const warm = medianOf(rounds.map(({ sagasPerSecond }) => sagasPerSecond))
  return {
    'first sagas': { value: first.sagasPerSecond, unit: 'sagas/s' },
    'warm sagas': { value: warm, unit: 'sagas/s', ...(sagasAim ? { aim: sagasAim } : {}) },
    'warm hops': { value: warm * hopsPerSaga, unit: 'hops/s' },
    'warm p50 under load': { value: medianOf(rounds.map(({ latencyMs }) => latencyMs.p50)), unit: 'ms' },
    'warm p99 under load': { value: medianOf(rounds.map(({ latencyMs }) => latencyMs.p99)), unit: 'ms' },
    ...cpuFigures(spentBetween(before, after), {
      by: count * warmRounds,
      suffix: 'CPU per saga',
      unit: 'ms',
    }),
  }
}
