import type { Graft } from '../graft/graft.ts'

/** A bug that a maintainer might make. */
export interface Mutant extends Graft {
  /** The row of "what can go wrong" that it breaks. */
  readonly row: number
  /** What is wrong with it, in a few words. */
  readonly planted: string
}

export const mutants: readonly Mutant[] = [
  {
    name: 'lost-commit-taken-as-failed',
    row: 3,
    planted: 'a commit whose answer was lost is taken as not committed',
    edits: [{ module: 'runtime/settle', anchor: 'isOutcomeUnknown = true', replace: 'void 0' }],
  },
]
