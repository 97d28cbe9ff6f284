// Who holds which partition, and how often in a row owners died of it.

import { TroupeError } from '../errors.ts'
import { ofLife } from '../event/log-place.ts'
import { type Claim, type ClaimedTopic, type Held, laneOf, type TakenClaim } from '../ports.ts'
import type { TopicPartition } from '../event/record.ts'

/** Claims that come one after the other sooner than this, though nobody let go, are those of owners who died. */
const restlessMs = 600_000

interface Unrest {
  /** Where the position was at the last claim, and when that was. */
  readonly at: bigint | undefined
  readonly claimedAtMs: number
  readonly claims: number
  readonly claimsHere: number
  readonly suspect?: { readonly offset: bigint; readonly epoch: number; readonly times: number } | undefined
}

export function memoryClaims(positions: Map<string, Claim>, nowMs: () => number) {
  const unrests = new Map<string, Unrest>()

  function noted(claim: Claim, startsOver: boolean): Pick<TakenClaim, 'unrest'> {
    const before = startsOver ? undefined : unrests.get(laneOf(claim))
    const restless = before && before.claimedAtMs > nowMs() - restlessMs ? before : undefined
    const claims = (restless?.claims ?? 0) + 1
    const claimsHere = restless && restless.at === claim.next ? restless.claimsHere + 1 : 1
    const suspect = before?.suspect
    unrests.set(laneOf(claim), { at: claim.next, claimedAtMs: nowMs(), claims, claimsHere, suspect })
    if (claims <= 1 && !suspect) return {}
    return { unrest: { claims, claimsHere, ...(suspect ? { suspect: suspect.offset } : {}) } }
  }

  return {
    claim(place: TopicPartition, topic?: ClaimedTopic): TakenClaim {
      const { claim, startsOver } = claimAfter(positions.get(laneOf(place)), place, topic)
      positions.set(laneOf(place), claim)
      return { ...claim, ...noted(claim, startsOver) }
    },
    suspect({ epoch, ...place }: Held, offset: bigint): number {
      const before = unrests.get(laneOf(place))
      if (!before || positions.get(laneOf(place))?.epoch !== epoch) {
        throw new TroupeError(
          'TROUPE_FENCED',
          `${place.topic}[${place.partition}] was claimed by another owner. Let go of the partition.`,
        )
      }
      const known = before.suspect?.offset === offset ? before.suspect : undefined
      const times = known ? known.times + (known.epoch === epoch ? 0 : 1) : 1
      unrests.set(laneOf(place), { ...before, suspect: { offset, epoch, times } })
      return times
    },
    acquit({ epoch, ...place }: Held, offset: bigint | undefined): void {
      const before = unrests.get(laneOf(place))
      const isSo =
        offset === undefined
          ? positions.get(laneOf(place))?.epoch === epoch
          : before?.suspect?.offset === offset
      if (!before || !isSo) return
      const { at, claimedAtMs } = before
      unrests.set(laneOf(place), { at, claimedAtMs, claims: 0, claimsHere: 0 })
    },
  }
}

/** The claim that comes after another one, or is the first, and whether the position is forgotten. */
function claimAfter(
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
