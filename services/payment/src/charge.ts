import { document } from '@troupe/core'

/** What became of one order's money, in cents. */
export interface Charge {
  readonly state: 'none' | 'charged' | 'declined' | 'refunded'
  readonly chargedCents: number
  readonly refundedCents: number
  readonly currency: string
  /** As the gateway calls it. */
  readonly chargeId?: string
  /** Why it was declined or refunded. */
  readonly reason?: string
}

/** One order's charge, by order id. */
export const charge = document<Charge>({
  name: 'charge',
  initial: () => ({ state: 'none', chargedCents: 0, refundedCents: 0, currency: 'EUR' }),
})
