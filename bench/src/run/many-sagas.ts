import { type LoadReport, mixedOrders, type MixedOrder, placeOrders } from '@troupe/cli'
import type { Scene } from './case.ts'
import type { Stage } from './stage.ts'

/** How many reactions a good order goes through after its POST: pay, reserve, ship, complete. */
export const hopsPerSaga = 4

/** Places good orders, 256 under way at a time, and waits until all have ended. */
export async function manySagas(
  scene: Scene,
  stage: Pick<Stage, 'observer' | 'orders'> & { readonly ecosystem: Pick<Stage['ecosystem'], 'failed'> },
  count: number,
  seed: number,
): Promise<LoadReport> {
  const report = await placeOrders(stage, {
    count,
    seed,
    orders: goodOrders(count, seed),
    signal: scene.signal,
  })
  for (const problem of report.problems) scene.problem(problem)
  return report
}

/** Of many orders those that go all the way, so that every saga has the same number of hops. */
function* goodOrders(count: number, seed: number): Generator<MixedOrder> {
  let made = 0
  for (const order of mixedOrders(Number.POSITIVE_INFINITY, seed)) {
    if (order.kind !== 'good') continue
    yield order
    made += 1
    if (made === count) return
  }
}
