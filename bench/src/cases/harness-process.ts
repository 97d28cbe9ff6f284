// A process that starts the harness with the four services, sends one order through all of them, stops, tells
// its parent how long each took, and ends. Which stack it runs on is TROUPE_STACK's to say, as in a test.
import { orderOf } from '@troupe/cli'
import { inventory } from '@troupe-demo/inventory'
import { order, placeOrder } from '@troupe-demo/order'
import { startGateway } from '@troupe-demo/gateway'
import { gatewayAt, paymentThrough } from '@troupe-demo/payment'
import { OrderCompleted } from '@troupe-demo/schemas'
import { shipping } from '@troupe-demo/shipping'
import { EventTestHarness } from '@troupe/testing'

/** What one run of it took. */
export interface HarnessTimings {
  readonly startMs: number
  readonly orderMs: number
  readonly stopMs: number
}

let isLeft = false
process.once('disconnect', () => {
  isLeft = true
})

const gateway = await startGateway()
const atMs = [performance.now()]
const harness = await EventTestHarness.start({
  services: [order, paymentThrough(gatewayAt(gateway.url)), inventory, shipping],
  timeoutMs: 60_000,
})
try {
  atMs.push(performance.now())
  const { orderId } = await harness.service('order').decide(placeOrder, orderOf('good'))
  await harness.expectEvent(OrderCompleted, { orderId })
  atMs.push(performance.now())
} finally {
  await harness.stop()
  await gateway.stop()
}
const [began = 0, started = 0, completed = 0] = atMs
const timings: HarnessTimings = {
  startMs: started - began,
  orderMs: completed - started,
  stopMs: performance.now() - completed,
}
if (!isLeft) {
  process.send?.(timings)
  process.disconnect()
}
