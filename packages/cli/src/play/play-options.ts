/** What `troupe play` was asked for, checked. */
export interface PlayOptions {
  /** `host:port` of each broker to begin with. */
  readonly kafka: readonly string[]
  readonly registry: string
  /** The one that the services run in. */
  readonly namespace: string | undefined
  /** Each service's HTTP address, without a slash at its end. */
  readonly urls: Readonly<Record<'order' | 'payment' | 'inventory' | 'shipping' | 'gateway', string>>
  /** One JSON document instead of a drawing. */
  readonly json: boolean
  /** Play this many mixed orders instead of the stories. */
  readonly orders: number | undefined
  readonly seed: number
}
