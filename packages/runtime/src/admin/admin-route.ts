import type { AsideDesk, Codec, Log, Service } from '@troupe/core'
import type { z } from 'zod'

/** What the routes work with. */
export interface Desk {
  readonly service: Service
  readonly codec: Codec
  readonly ledger: AsideDesk
  readonly log: Log
  /** Told when something is due at once that was not: this instance need not wait for its next look. */
  readonly onDue: () => void
}

/** One route: what it takes and gives is checked, and described, by the same schemas. */
export interface AdminRoute<
  Path extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly summary: string
  readonly path?: Path
  readonly query?: Query
  readonly body?: Body
  readonly answer: z.ZodType
  handle(request: {
    readonly path: z.output<Path>
    readonly query: z.output<Query>
    readonly body: z.output<Body>
  }): Promise<unknown>
}

/** Lets the schemas say what `handle` gets. */
export function adminRoute<Path extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  route: AdminRoute<Path, Query, Body>,
): AdminRoute {
  return route
}
