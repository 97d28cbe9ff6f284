// What a ledger in memory remembers of claims; all of them within minutes. For tests.

import { ofLife } from './log-place.ts'
import { laneOf, type Claim, type ClaimedTopic, type Held, type TakenClaim } from './ports.ts'
import type { TopicPartition } from './record.ts'

interface Remembered {
  readonly at: bigint | undefined
  readonly claims: number
  readonly claimsHere: number
  readonly suspect?: { readonly offset: bigint; readonly epoch: number; readonly times: number } | undefined
}

/** The claim that comes after another one, or is the first, and whether the position is forgotten. */
export function claimAfter(
  before: Claim | undefined,
  { topic, partition }: TopicPartition,
  { id, replaces }: ClaimedTopic = {},
): { readonly claim: Claim; readonly startsOver: boolean } {
  const startsOver = replaces !== undefined && before?.topicId === replaces
  const next = startsOver ? undefined : before?.next
  const topicId = !startsOver && next !== undefined ? (before?.topicId ?? id) : (id ?? before?.topicId)
  const life = (before?.life ?? 0) + (startsOver ? 1 : 0)
  const epoch = (before?.epoch ?? 0) + 1
  const claim = {
    topic,
    partition,
    epoch,
    next,
    ...(topicId === undefined ? {} : { topicId }),
    ...ofLife(life),
  }
  return { claim, startsOver }
}

export function memoryClaims() {
  const lanes = new Map<string, Remembered>()
  return {
    /** @param startsOver the position is forgotten, and the suspect with it */
    claimed(claim: Claim, startsOver = false): Pick<TakenClaim, 'unrest'> {
      const before = startsOver ? undefined : lanes.get(laneOf(claim))
      const claims = (before?.claims ?? 0) + 1
      const claimsHere = before && before.at === claim.next ? before.claimsHere + 1 : 1
      const suspect = before?.suspect
      lanes.set(laneOf(claim), { at: claim.next, claims, claimsHere, suspect })
      if (claims <= 1 && !suspect) return {}
      return { unrest: { claims, claimsHere, ...(suspect ? { suspect: suspect.offset } : {}) } }
    },
    suspect({ epoch, ...place }: Held, offset: bigint): number {
      const before = lanes.get(laneOf(place))
      if (!before) return 0
      const known = before.suspect?.offset === offset ? before.suspect : undefined
      const times = known ? known.times + (known.epoch === epoch ? 0 : 1) : 1
      lanes.set(laneOf(place), { ...before, suspect: { offset, epoch, times } })
      return times
    },
    acquit(place: Held, offset: bigint | undefined): void {
      const before = lanes.get(laneOf(place))
      if (!before || (offset !== undefined && before.suspect?.offset !== offset)) return
      lanes.set(laneOf(place), { at: before.at, claims: 0, claimsHere: 0 })
    },
  }
}
