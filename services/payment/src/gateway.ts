import type { Json } from '@troupe/core'
import { Pool } from 'undici'

/** Where money is moved: somebody else's service. A rejection means that nobody here knows whether it was. */
export interface Gateway {
  charge(asked: ChargeAsked, call: GatewayCall): Promise<ChargeAnswer>
  refund(asked: RefundAsked, call: GatewayCall): Promise<{ readonly refundId: string }>
}

export interface GatewayCall {
  /** The same key moves money once. */
  readonly idempotencyKey: string
  readonly signal: AbortSignal
}

export interface ChargeAsked {
  readonly orderId: string
  readonly amountCents: number
  readonly currency: string
  readonly cardToken: string
}

export interface RefundAsked {
  readonly chargeId: string
  readonly amountCents: number
}

/** What came of a charge: it was made, or the card was declined. */
export type ChargeAnswer = { readonly chargeId: string } | { readonly declined: string }

const answerBytesMax = 10_000

/** The gateway at this address, over connections that stay open. A redirect is not followed: it is no answer. */
export function gatewayAt(url: string): Gateway {
  // Not `fetch`, which takes several times the processor time for a call.
  const connections = new Pool(new URL(url).origin, { maxResponseSize: answerBytesMax })

  async function ask(path: string, asked: object, { idempotencyKey, signal }: GatewayCall) {
    const { statusCode, body } = await connections.request({
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify(asked),
      signal,
    })
    return { status: statusCode, answer: fieldsOf(await body.text()) }
  }

  return {
    async charge({ orderId, ...asked }, call) {
      const { status, answer } = await ask('/charges', { order: orderId, ...asked }, call)
      const { id, reason } = answer
      if (status === 201 && typeof id === 'string') return { chargeId: id }
      if (status === 402 && typeof reason === 'string') return { declined: reason }
      throw inDoubt('charge', status, answer)
    },
    async refund(asked, call) {
      const { status, answer } = await ask('/refunds', asked, call)
      if (status === 201 && typeof answer['id'] === 'string') return { refundId: answer['id'] }
      throw inDoubt('refund', status, answer)
    },
  }
}

/** For a payment that is looked at, and not run. */
export const noGateway: Gateway = {
  charge: () => Promise.reject(new Error('This payment has no gateway. Make it with paymentThrough.')),
  refund: () => Promise.reject(new Error('This payment has no gateway. Make it with paymentThrough.')),
}

/** Payment's own setting, besides those that every service has: the gateway, or what is wrong with it. */
export function gatewayOf({ GATEWAY_URL: url = '' }: Readonly<Record<string, string | undefined>>): {
  readonly gateway: Gateway
  readonly problems: readonly string[]
} {
  const example = 'Set it, for example: GATEWAY_URL=http://127.0.0.1:8090'
  if (url === '') return { gateway: noGateway, problems: [`GATEWAY_URL is missing. ${example}`] }
  const isUrl = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
  return isUrl
    ? { gateway: gatewayAt(url), problems: [] }
    : { gateway: noGateway, problems: [`GATEWAY_URL: is not a URL with http:// or https://. ${example}`] }
}

function fieldsOf(text: string): Readonly<Record<string, Json | undefined>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, Json>) : {}
  } catch {
    return {}
  }
}

function inDoubt(what: string, status: number, { reason }: Readonly<Record<string, unknown>>): Error {
  const said = typeof reason === 'string' ? `: ${reason.slice(0, 200)}` : ''
  return new Error(`The gateway answered ${status} to a ${what}${said}`)
}
