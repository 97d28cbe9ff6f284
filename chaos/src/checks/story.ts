import { topologyOf } from '@troupe/core'
import { inventory } from '@troupe-demo/inventory'
import { order } from '@troupe-demo/order'
import { payment } from '@troupe-demo/payment'
import { shipping } from '@troupe-demo/shipping'

/** The services of the demo, as they are declared. */
export const storyServices = [order, payment, inventory, shipping] as const

const hearers = new Map(topologyOf(storyServices).events.map(({ type, heardBy }) => [type, heardBy]))

/** The services that hear an event type. */
export function hearersOf(type: string): readonly string[] {
  return hearers.get(type) ?? []
}
