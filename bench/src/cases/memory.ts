import { ecosystemCast, memoryFigures, readAll } from '../processes/cast.ts'
import type { BenchCase } from '../run/case.ts'
import { manySagas } from '../run/many-sagas.ts'

/** What each process holds in memory, before and after it had something to do. */
export const memory: BenchCase = {
  name: 'memory',
  title:
    'resident memory of each process, idle and after 2,000 orders (PostgreSQL: all its processes, shared pages once)',
  sizes: { orders: { full: 2_000, quick: 20, what: 'orders between the two readings' } },
  async run(scene) {
    const stage = await scene.stage()
    const cast = ecosystemCast(stage.ecosystem)
    if (cast.size === 0) scene.note('memory of processes can only be read on Linux: left out')
    const idle = readAll(cast)
    await manySagas(scene, stage, scene.size('orders'), 1)
    return { ...memoryFigures(idle, 'idle'), ...memoryFigures(readAll(cast), 'after the load') }
  },
}
