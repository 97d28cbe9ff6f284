// Orders that a release with a bug cannot handle: the bug is grafted on, the orders are as good as others.
import type { Graft } from '../graft/graft.ts'

/** Services of which there is a release with the bug. */
export type CursedService = 'payment' | 'shipping'

/**
 * - `for a while`: the reaction works before its last attempt
 * - `until mended`: it never works; an operator takes the curse off the dead letter's data
 * - `until released`: it never works; an operator redrives the dead letter when there is a release without the bug
 */
export type CurseForm = 'for a while' | 'until mended' | 'until released'

export interface Curse {
  readonly service: CursedService
  readonly form: CurseForm
}

/** A moment that no run sees. */
const neverMs = 9_999_999_999_999

/** To whom an order has to go that the release with the bug cannot handle in this service, until then. */
export function cursedName({ service, form }: Curse, untilMs: number): string {
  return `cursed in ${service} until ${form === 'for a while' ? untilMs : neverMs}`
}

/** The bug: it throws on names that ask for it. */
export const curse: Graft = {
  name: 'cursed',
  edits: [
    {
      module: 'payment/charge-card',
      anchor: 'const before = get(charge(orderId))',
      before: throwingFor('payment'),
    },
    {
      module: 'shipping/schedule-shipment',
      anchor: "if (get(shipment(orderId)).state !== 'none') return",
      before: throwingFor('shipping'),
    },
  ],
}

function throwingFor(service: CursedService): string {
  return `if (Date.now() < Number(/^cursed in ${service} until (\\d+)$/.exec(shipTo.name)?.[1])) throw new Error('The order is cursed.');`
}
