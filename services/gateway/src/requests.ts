import type { ChargeRequest, Entry, RefundRequest } from './book.ts'

const nameLengthMax = 200
const centsMax = 1_000_000_000_00

/** Reads what is to be charged or given back; a sentence if that cannot be. */
export function readAsked(what: 'charge' | 'refund', given: unknown): Entry['asked'] | string {
  const read = what === 'charge' ? readCharge(given) : readRefund(given)
  if (typeof read === 'string') return read
  return 'chargeId' in read ? { refund: read } : { charge: read }
}

function readCharge(given: unknown): ChargeRequest | string {
  const { order, amountCents, currency, cardToken } = fieldsOf(given)
  if (!isName(order)) return `"order" is a text of 1 to ${nameLengthMax} characters`
  if (!isCents(amountCents)) return `"amountCents" is a whole number from 0 to ${centsMax}`
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency))
    return '"currency" has three capital letters'
  if (!isName(cardToken)) return `"cardToken" is a text of 1 to ${nameLengthMax} characters`
  return { order, amountCents, currency, cardToken }
}

function readRefund(given: unknown): RefundRequest | string {
  const { chargeId, amountCents } = fieldsOf(given)
  if (!isName(chargeId)) return `"chargeId" is a text of 1 to ${nameLengthMax} characters`
  if (!isCents(amountCents)) return `"amountCents" is a whole number from 0 to ${centsMax}`
  return { chargeId, amountCents }
}

function fieldsOf(given: unknown): Readonly<Record<string, unknown>> {
  return (typeof given === 'object' && given !== null ? given : {}) as Readonly<Record<string, unknown>>
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= nameLengthMax
}

function isCents(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= centsMax
}
