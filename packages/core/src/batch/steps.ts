import type { Outcome, StepState } from '../ports.ts'

/**
 * The life of one step in one saga.
 *
 * | state            | the step's event comes       | its undo's event comes |
 * |------------------|------------------------------|------------------------|
 * | (open)           | run; done if it said so      | barred                 |
 * | done             | nothing (`step-repeated`)    | run; undone            |
 * | undone           | nothing (`step-barred`)      | nothing (`undo-repeated`) |
 * | barred           | nothing (`step-barred`)      | nothing (`undo-repeated`) |
 * | barred, in doubt | run; done if it said so, and then its undo comes again | nothing (`undo-repeated`) |
 *
 * In doubt is a step whose call to the outside was begun before it was barred, so that it may have been done: the
 * call is made again under its key, and what was done is undone. See `doubt.ts`.
 *
 * Open is what is not stored. A step that ran but did not emit its done event (a declined card) stays
 * open: there is nothing to undo, and an undo that comes later bars it.
 */
export type StepVerdict = 'run' | Exclude<Outcome, 'applied' | 'dead-lettered'>

/** What hearing the step's own event means in this state. */
export function onStepEvent(state: StepState | undefined, isInDoubt = false): StepVerdict {
  switch (state) {
    case undefined:
      return 'run'
    case 'done':
      return 'step-repeated'
    case 'undone':
      return 'step-barred'
    case 'barred':
      return isInDoubt ? 'run' : 'step-barred'
  }
}

/** What hearing an event that calls for the undo means in this state; `barred` asks the caller to write the bar. */
export function onUndoEvent(state: StepState | undefined): StepVerdict {
  switch (state) {
    case undefined:
      return 'barred'
    case 'done':
      return 'run'
    case 'undone':
    case 'barred':
      return 'undo-repeated'
  }
}
