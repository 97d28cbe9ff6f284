/**
 * How the gateway treats those who want money moved.
 *
 * - `well`: as one would wish
 * - `slow`: decides after `ms`
 * - `failing`: answers 503 and decides nothing
 * - `dropping`: decides, and breaks the connection instead of answering
 * - `twice`: answers, and then sends the same answer once more, though nobody asked
 */
export type Behaviour =
  | { readonly is: 'well' | 'failing' | 'dropping' | 'twice' }
  | { readonly is: 'slow'; readonly ms: number }

/** Cards that are treated so the first time that they are asked for under a key, whatever the gateway is told. */
const byCard: ReadonlyMap<string, Behaviour> = new Map<string, Behaviour>([
  ['tok_slow', { is: 'slow', ms: 1_000 }],
  ['tok_flaky', { is: 'failing' }],
  ['tok_dropped', { is: 'dropping' }],
])

const slowMsMax = 600_000
const kinds = ['well', 'failing', 'dropping', 'twice', 'slow'] as const

export function behaviourOf(cardToken: string): Behaviour | undefined {
  return byCard.get(cardToken)
}

/** Reads what somebody tells the gateway to do; a sentence if that cannot be. */
export function readBehaviour(given: unknown): Behaviour | string {
  const { is, ms } = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>
  const kind = kinds.find((one) => one === is)
  if (kind === undefined) return `"is" is one of ${kinds.join(', ')}`
  if (kind !== 'slow') return { is: kind }
  if (typeof ms === 'number' && Number.isInteger(ms) && ms >= 0 && ms <= slowMsMax) return { is: kind, ms }
  return `"ms" is a whole number from 0 to ${slowMsMax}`
}
