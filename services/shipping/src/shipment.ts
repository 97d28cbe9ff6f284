import { document } from '@troupe/core'

/** What became of one order at the carrier. */
export type Shipment =
  | { readonly state: 'none' }
  | {
      readonly state: 'scheduled'
      readonly shipmentId: string
      readonly country: string
      readonly deliverByMs: number
    }
  | {
      readonly state: 'cancelled'
      readonly shipmentId: string
      readonly country: string
      readonly reason: string
    }
  | { readonly state: 'refused'; readonly country: string; readonly reason: string }

/** One order's shipment, by order id. */
export const shipment = document<Shipment>({ name: 'shipment', initial: () => ({ state: 'none' }) })
