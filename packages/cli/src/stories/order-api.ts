import type { OrderRequest } from '@troupe-demo/order'
import { TroupeError } from '@troupe/core'
import { v7 } from 'uuid'
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpAnswer, HttpClient } from '../http/http-client.ts'

/** Order's HTTP API, as an outside client uses it. */
export interface OrderApi {
  /**
   * Posts an order; the answer is the order's id. What the service cannot take at the moment (503) is
   * tried again with the same key, for as long as the signal allows.
   * @throws TroupeError `TROUPE_HTTP_UNEXPECTED` for any answer but 202 with a Location
   */
  place(order: OrderRequest, options?: PlaceOptions): Promise<string>
  /** The state of an order; undefined if Order does not know it. */
  state(orderId: string): Promise<string | undefined>
}

export interface PlaceOptions {
  /** Default: a new one. */
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
}

const retryDelayMs = 100

/** Talks to the order service at this URL. */
export function orderApi(http: HttpClient, url: string): OrderApi {
  return {
    async place(order, { idempotencyKey = v7(), signal } = {}) {
      for (;;) {
        const answer = await http.post(`${url}/orders`, order, { 'idempotency-key': idempotencyKey }, signal)
        const id = /^\/orders\/([^/]+)$/.exec(answer.location ?? '')?.[1]
        if (answer.status === 202 && id !== undefined) return decodeURIComponent(id)
        if (answer.status !== 503) throw unexpected('POST /orders', answer)
        await pause(retryDelayMs, signal)
      }
    },
    async state(orderId) {
      const path = `/orders/${encodeURIComponent(orderId)}`
      const answer = await http.get(url + path)
      if (answer.status === 404) return undefined
      if (answer.status !== 200) throw unexpected(`GET ${path}`, answer)
      return String((answer.body as { readonly state?: unknown }).state)
    },
  }
}

/** An answer that the asker did not reckon with, in words. */
export function unexpected(request: string, { status, body }: HttpAnswer): TroupeError {
  const said = JSON.stringify(body)?.slice(0, 500)
  return new TroupeError('TROUPE_HTTP_UNEXPECTED', `${request} was answered with ${status}: ${said}`)
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : {})
}
