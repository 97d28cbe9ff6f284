// What the gateway knows of money.
//
// Invariants
// 1. One idempotency key is decided on once; the same key again gets the same answer, and moves no money.
// 2. A charge is given back once, and never more than was taken.
// 3. The book is what its entries say, in their order: read again, it is the same.

/** Money in cents. */
export interface ChargeRequest {
  /** The merchant's own name for what is paid for. The gateway makes nothing of it: two charges may have one. */
  readonly order: string
  readonly amountCents: number
  readonly currency: string
  readonly cardToken: string
}

export interface RefundRequest {
  readonly chargeId: string
  readonly amountCents: number
}

export type Answer =
  | { readonly status: 201; readonly id: string }
  | { readonly status: 402; readonly reason: string }
  | { readonly status: 404 | 409; readonly reason: string }

/** A decision, as it is kept. */
export interface Entry {
  readonly key: string
  readonly asked: { readonly charge: ChargeRequest } | { readonly refund: RefundRequest }
  readonly answer: Answer
}

/** A charge as the book has it. */
export interface ChargeLine {
  readonly id: string
  readonly order: string
  readonly currency: string
  readonly chargedCents: number
  readonly refundedCents: number
}

export interface Book {
  /** What was decided under this key. */
  known(key: string): Entry | undefined
  /** Decides, and enters it. Call it for keys that are not known. */
  decide(key: string, asked: Entry['asked']): Entry
  /** Enters what was decided before. */
  enter(entry: Entry): void
  /** In the order of their ids. */
  charges(page: { readonly after: string; readonly limit: number }): readonly ChargeLine[]
}

/** What the card network says to tokens that it declines; all others are good. */
const declined: ReadonlyMap<string, string> = new Map([
  ['tok_declined', 'card declined'],
  ['tok_expired', 'card expired'],
  ['tok_no_funds', 'insufficient funds'],
])

/** @param newId makes ids that sort in the order in which they are made */
export function createBook(newId: (kind: 'ch' | 're', count: number) => string): Book {
  const entries = new Map<string, Entry>()
  const charges = new Map<string, ChargeLine>()
  const ids: string[] = []
  let refunds = 0

  function answerTo(asked: Entry['asked']): Answer {
    if ('charge' in asked) {
      const reason = declined.get(asked.charge.cardToken)
      return reason === undefined
        ? { status: 201, id: newId('ch', charges.size + 1) }
        : { status: 402, reason }
    }
    const { chargeId, amountCents } = asked.refund
    const line = charges.get(chargeId)
    if (!line) return { status: 404, reason: `there is no charge ${chargeId}` }
    if (line.refundedCents > 0 || amountCents > line.chargedCents)
      return {
        status: 409,
        reason: `${chargeId} took ${line.chargedCents}, ${line.refundedCents} given back`,
      }
    return { status: 201, id: newId('re', refunds + 1) }
  }

  function enter(entry: Entry): void {
    entries.set(entry.key, entry)
    const { asked, answer } = entry
    if (answer.status !== 201) return
    if ('charge' in asked) {
      const { order, currency, amountCents } = asked.charge
      charges.set(answer.id, {
        id: answer.id,
        order,
        currency,
        chargedCents: amountCents,
        refundedCents: 0,
      })
      ids.push(answer.id)
      return
    }
    refunds += 1
    const line = charges.get(asked.refund.chargeId)
    if (line) charges.set(line.id, { ...line, refundedCents: line.refundedCents + asked.refund.amountCents })
  }

  return {
    known: (key) => entries.get(key),
    decide(key, asked) {
      const entry: Entry = { key, asked, answer: answerTo(asked) }
      enter(entry)
      return entry
    },
    enter,
    charges: ({ after, limit }) =>
      ids
        .filter((id) => id > after)
        .slice(0, limit)
        .flatMap((id) => charges.get(id) ?? []),
  }
}
