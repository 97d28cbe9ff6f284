import type { StackAddresses } from '@troupe/testing'
import type { Figures } from '../report/figure.ts'
import type { Solo } from '../hops/solo.ts'
import type { Stage } from './stage.ts'

/** How much of something a case takes. */
export interface Size {
  readonly full: number
  /** With `--quick`. */
  readonly quick: number
  /** What there is so much of, in a few words. */
  readonly what: string
}

/** Something that is measured. */
export interface BenchCase {
  readonly name: string
  /** What is measured, in a line. */
  readonly title: string
  /** What can be set from outside, by name. */
  readonly sizes: Readonly<Record<string, Size>>
  /** True for one that is not among those that run when none is named. */
  readonly isOnlyWhenNamed?: boolean
  /**
   * Measures it. What it starts it stops, also when it fails.
   * @throws what kept it from being measured, or the signal's reason
   */
  run(scene: Scene): Promise<Figures>
}

/** What a case is given. */
export interface Scene {
  /** How much to take of this: one of the case's `sizes`. */
  size(name: string): number
  /** Whether its numbers are to mean anything: what only makes them true may be left out if not. */
  readonly isQuick: boolean
  /** Where a real stack is, if somebody said so. */
  readonly addresses: StackAddresses | undefined
  /** Aborted when somebody asks to stop. */
  readonly signal: AbortSignal
  /** A running order story; started when first asked for, stopped by whoever runs the case. */
  stage(): Promise<Stage>
  /** The payment service alone on a stack of its own; likewise. */
  solo(): Promise<Solo>
  /** Says to whoever looks on how far it is. */
  note(text: string): void
  /** Something ended otherwise than it should: the numbers stand, but the run is not ok. */
  problem(text: string): void
}
