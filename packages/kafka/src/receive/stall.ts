/** How far fetching has come, at one moment. Times are milliseconds of one clock that never goes back. */
export interface Sight {
  readonly nowMs: number
  /** When a fetch was answered last, or the group was joined. */
  readonly fetchedAtMs: number
  /** The group is being joined again: nothing is fetched until everybody has joined. */
  readonly isRebalancing: boolean
  readonly lanes: readonly LaneSight[]
}

export interface LaneSight {
  /** `topic/partition`. */
  readonly name: string
  /** It reads, and there is room for more: kafkajs ought to fetch. */
  readonly isHungry: boolean
  /** The offset that is due to be fetched. */
  readonly tail: bigint
  /** Since when it has been hungry for that very offset. */
  readonly sinceMs: number
  /** Where the broker says that the log ends; undefined if it was not asked yet. */
  readonly end: bigint | undefined
}

export interface StallLimits {
  /** How long fetching may stand still. */
  readonly stalledAfterMs: number
  /** How much longer while the group is being joined again. */
  readonly rebalanceTimeoutMs: number
}

/**
 * Why a consumer counts as stuck; undefined if it does not.
 *
 * Stuck is a consumer that gets no answer at all, and one that passes over a partition in which, as another
 * connection tells, records wait.
 */
export function stallOf(
  sight: Sight,
  { stalledAfterMs, rebalanceTimeoutMs }: StallLimits,
): string | undefined {
  const { nowMs, fetchedAtMs, isRebalancing, lanes } = sight
  const patienceMs = isRebalancing ? rebalanceTimeoutMs + stalledAfterMs : stalledAfterMs
  const silentMs = nowMs - fetchedAtMs
  if (silentMs > patienceMs) return `no fetch was answered for ${Math.round(silentMs)} ms`
  if (isRebalancing) return undefined
  const passedOver = lanes.find(
    ({ isHungry, tail, sinceMs, end }) =>
      isHungry && end !== undefined && end > tail && nowMs - sinceMs > stalledAfterMs,
  )
  if (!passedOver) return undefined
  const { name, tail, sinceMs, end } = passedOver
  return `nothing of ${name} was fetched for ${Math.round(nowMs - sinceMs)} ms, although it reaches to ${end} and ${tail} is due`
}
