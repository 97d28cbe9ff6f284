// How long a schema that the registry does not have is waited for.
//
// | state   | a denial                              | a schema turned up | the registry changed |
// |---------|---------------------------------------|--------------------|----------------------|
// | calm    | waiting                               | calm               | calm                 |
// | waiting | waiting; spent after `waitMs`         | calm               | waiting              |
// | spent   | spent; waiting after ten times as long | calm               | calm                 |
//
// A schema may be on its way: the registry was emptied and its owner registers again, or a registry's
// replica lags behind. Or it may never come: bytes that happen to start like an event. Whatever comes, of
// all time at most one eleventh is spent on waiting in vain, by all partitions together.
//
// Time is this process's own and only counts while the registry answers: a denial is its word.

export interface Patience {
  /** Told that the registry denied a schema. True if that may pass. */
  isLeft(): boolean
  /** Told that a schema turned up, or that the registry is being filled again. */
  restore(): void
}

/** A process that stood still must not take that time for waiting. */
const denialsMin = 3

export function createPatience({
  waitMs,
  now,
}: {
  readonly waitMs: number
  readonly now: () => number
}): Patience {
  let sinceMs: number | undefined
  let denials = 0
  return {
    isLeft() {
      if (waitMs === 0) return false
      const passedMs = sinceMs === undefined ? Infinity : now() - sinceMs
      if (passedMs >= waitMs * 11) {
        sinceMs = now()
        denials = 0
      }
      denials++
      return now() - (sinceMs ?? 0) < waitMs || denials <= denialsMin
    },
    restore() {
      sinceMs = undefined
    },
  }
}
