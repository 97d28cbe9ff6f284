import type { Graft } from '../graft/graft.ts'

/** A bug that a maintainer might make. */
export interface Mutant extends Graft {
  /** The row of "what can go wrong" that it breaks. */
  readonly row: number
  /** What is wrong, in a few words. */
  readonly planted: string
  readonly proof: Proof
}

/**
 * Where it has to be noticed: in the simulation, by the scenarios of these rows in this order; or by tests on
 * the sources, where what it breaks is not in the simulation.
 */
export type Proof =
  | { readonly rows: readonly number[] }
  | { readonly tests: string; readonly titled?: string }

/** One edit in place of the anchor. */
export function plant(
  name: string,
  row: number,
  planted: string,
  [module, anchor, replace]: readonly [string, string, string],
  proof: Proof,
): Mutant {
  return { name, row, planted, edits: [{ module, anchor, replace }], proof }
}
