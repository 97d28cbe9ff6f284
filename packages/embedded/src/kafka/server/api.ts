import type { Type } from '../protocol/schema.ts'
import type { Connection } from './connection.ts'
import type { Services } from './services.ts'

/** The circumstances of one request. */
export interface Call {
  readonly version: number
  readonly clientId: string
  readonly connection: Connection
  readonly services: Services
}

/**
 * One request of the protocol, as this broker serves it. What is declared here is what ApiVersions tells
 * the clients: a version is listed when both its layout and its meaning are served.
 */
export interface Api<Request, Response> {
  readonly key: number
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
  /** First version with compact lengths and tagged fields; may lie above `maxVersion`. */
  readonly flexibleFrom: number
  readonly request: Type<Request>
  readonly response: Type<Response>
  /**
   * Answers at once or later; null sends nothing at all. Runs up to its first `await` before the next
   * request of the same connection is looked at.
   */
  handle(request: Request, call: Call): Promise<Response> | Response | null
}

/** Declares a request; only infers the types. */
export function defineApi<Request, Response>(api: Api<Request, Response>): Api<Request, Response> {
  return api
}

/** An API whose types are known to nobody but itself. */
export type AnyApi = Api<unknown, unknown>
