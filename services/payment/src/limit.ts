/** The most that one order may cost. */
export const limitCents = 500_000

/** Why the gateway is not even asked for this; undefined if it is. */
export function reasonToDecline(totalCents: number): string | undefined {
  if (totalCents < 0) return `not an amount: ${totalCents} cents`
  if (totalCents > limitCents) return `over the limit of ${limitCents} cents`
  return undefined
}
