import { ecosystemCast } from '../processes/cast.ts'
import { measureRounds, roundSizes } from '../run/rounds.ts'
import { manySagas } from '../run/many-sagas.ts'
import type { BenchCase } from '../run/case.ts'

/** How many sagas a second, with every commit on disk. */
export const throughput: BenchCase = {
  name: 'throughput',
  title: 'rounds of 2,000 good orders, 256 under way: the first after the start, then warm ones (median)',
  sizes: roundSizes,
  async run(scene) {
    const stage = await scene.stage()
    let seed = 0
    const play = (count: number) => {
      seed += 1
      return manySagas(scene, stage, count, seed)
    }
    return measureRounds(scene, ecosystemCast(stage.ecosystem), play, { atLeast: 800 })
  },
}
