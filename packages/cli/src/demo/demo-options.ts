import type { Address } from '../ecosystem/address.ts'

/** What `troupe demo` was asked for, checked. */
export interface DemoOptions {
  /** Exit after the stories, or the orders. */
  readonly once: boolean
  /** One JSON document instead of a drawing. */
  readonly json: boolean
  /** Print the services' logs, to stderr. */
  readonly verbose: boolean
  /** Print database URLs with their passwords. */
  readonly showPasswords: boolean
  readonly addresses: Partial<Record<'kafka' | 'registry' | 'postgres' | 'http', Address>>
  /** Play this many mixed orders instead of the stories. */
  readonly orders: number | undefined
  readonly seed: number
  /** Keep all data in this folder. */
  readonly keep: string | undefined
}
