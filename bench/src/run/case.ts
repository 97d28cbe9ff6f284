import type { Figures } from '../report/figure.ts'
import type { Stage } from './stage.ts'

/** Something that is measured. */
export interface BenchCase {
  readonly name: string
  /** What is measured, in a line. */
  readonly title: string
  /**
   * Measures it. What it starts it stops, also when it fails.
   * @throws what kept it from being measured, or the signal's reason
   */
  run(scene: Scene): Promise<Figures>
}

/** What a case is given. */
export interface Scene {
  /** True for a fast pass that shows that the case works; its numbers mean nothing. */
  readonly isQuick: boolean
  /** Aborted when somebody asks to stop. */
  readonly signal: AbortSignal
  /** A running order story; started when first asked for, stopped by whoever runs the case. */
  stage(): Promise<Stage>
  /** Says to whoever looks on how far it is. */
  note(text: string): void
  /** Something ended otherwise than it should: the numbers stand, but the run is not ok. */
  problem(text: string): void
}
