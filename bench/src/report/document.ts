import type { Figures } from './figure.ts'
import type { Machine } from './machine.ts'
import type { Versions } from './versions.ts'

/** What one case found out. */
export interface CaseReport {
  /** What is measured, in a line. */
  readonly title: string
  /** How long the measuring took, starts and stops left out. */
  readonly durationMs: number
  readonly figures: Figures
}

/** Everything that one run of the benchmark says. */
export interface BenchDocument {
  /** False if a case could not be measured, or orders ended otherwise than they should: see `problems`. */
  readonly ok: boolean
  /** When the run began, in ISO 8601. */
  readonly date: string
  /** True for a fast pass: its numbers mean nothing. */
  readonly isQuick: boolean
  readonly durationMs: number
  readonly machine: Machine
  readonly versions: Versions
  /** By the name of the case. */
  readonly cases: Readonly<Record<string, CaseReport>>
  /** Troupe's figures divided by those of what it is held against, as far as both were measured. */
  readonly ratios: Figures
  readonly problems: readonly string[]
}
