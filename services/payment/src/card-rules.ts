/** The most that one order may cost. */
export const limitCents = 500_000

/** What the card network says to tokens that it declines; all others are good. */
const declined: ReadonlyMap<string, string> = new Map([
  ['tok_declined', 'card declined'],
  ['tok_expired', 'card expired'],
  ['tok_no_funds', 'insufficient funds'],
])

/** Why this charge is declined; undefined if it goes through. */
export function reasonToDecline(cardToken: string, totalCents: number): string | undefined {
  if (totalCents < 0) return `not an amount: ${totalCents} cents`
  if (totalCents > limitCents) return `over the limit of ${limitCents} cents`
  return declined.get(cardToken)
}
