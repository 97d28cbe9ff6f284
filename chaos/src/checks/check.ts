import { accepted } from './accepted.ts'
import { conserved } from './conserved.ts'
import { documents } from './documents.ts'
import { type Evidence, evidenceOf } from './evidence.ts'
import type { Facts } from './facts.ts'
import { heardOnce } from './heard-once.ts'
import { inOrder } from './in-order.ts'
import { progress } from './progress.ts'
import { sagas } from './sagas.ts'
import { setAside } from './set-aside.ts'
import { takenOnce } from './taken-once.ts'
import { terminal } from './terminal.ts'
import { twins } from './twins.ts'

/** Something that must never be so. */
export interface Violation {
  /** The check that found it. */
  readonly check: string
  /** What is wrong, and where, for a person. */
  readonly text: string
}

export interface CheckOptions {
  /** A run with a silent service in which fewer are given up proves nothing of silence. Default: none need be. */
  readonly givenUpMin?: number
}

/** Every check there is, by name: what it finds wrong, a sentence each. */
export const checks: Readonly<
  Record<string, (evidence: Evidence, options: CheckOptions) => Iterable<string>>
> = {
  accepted,
  sagas,
  'heard once': heardOnce,
  documents,
  conserved,
  'taken once': takenOnce,
  terminal,
  'set aside': setAside,
  'in order': inOrder,
  twins,
  progress,
}

/** How many sentences of one check are worth reading. */
const perCheckMax = 10

export interface Verdict {
  /** The first few of each check. */
  readonly violations: readonly Violation[]
  /** How many there are of each check. */
  readonly counts: Readonly<Record<string, number>>
  /** Records that were published again under their id: permitted, and worth knowing. */
  readonly duplicates: number
  readonly events: number
}

/** Holds the facts against everything that must be so. */
export function judge(facts: Facts, options: CheckOptions = {}): Verdict {
  const evidence = evidenceOf(facts)
  const violations: Violation[] = []
  const counts: Record<string, number> = {}
  for (const [check, find] of Object.entries(checks)) {
    let count = 0
    for (const text of find(evidence, options)) {
      count += 1
      if (count <= perCheckMax) violations.push({ check, text })
    }
    counts[check] = count
  }
  return { violations, counts, duplicates: evidence.duplicates.length, events: evidence.events.length }
}
