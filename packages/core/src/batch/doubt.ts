// What is in doubt about a step that calls the outside: whether it was done, where its call was begun and the
// step's event is not settled.
//
// | what is kept      | the step's event is set aside, its call begun | an event calls for the undo | the step's event ends                  |
// |-------------------|-----------------------------------------------|-----------------------------|----------------------------------------|
// | (nothing)         | called                                        | barred                      | (nothing)                              |
// | called            | (same)                                        | called and barred           | (nothing)                              |
// | barred            | called and barred                             | (same)                      | (nothing): it was not run              |
// | called and barred | (same)                                        | (same)                      | (nothing); if it was done, its undo is parked and due |
//
// To be set aside is to be parked, or a dead letter. Barred: the event that called for the undo is kept with its
// record. It is kept for every step that calls, since nobody knows which of them is being called elsewhere just now.

import type { StepName } from '../ports.ts'
import type { EventName } from '../event/record.ts'
import type { AsideRecord, KeyPlace } from '../aside/set-aside.ts'

/** What a recall finds of a step. */
export interface StoredDoubt extends StepName {
  /** The event whose call was begun, while what came of it is not settled. */
  readonly called: EventName | undefined
  /** The event that barred the step is kept. */
  readonly isUndoKept: boolean
}

/** The event that called for an undo whose step was not done. */
export interface KeptUndo extends StepName, AsideRecord {
  readonly place: KeyPlace
  /** Whether the step's call was begun by then, as far as it was known. */
  readonly isInDoubt: boolean
}

/** The event of a step whose call was begun. */
export interface CalledStep extends StepName {
  readonly event: EventName
}

/** What a settlement says of steps that are in doubt; each step once in each list. */
export interface DoubtWrites {
  /** Their calls were begun, and their events are set aside. Of two events of one step, the first counts. */
  readonly called: readonly CalledStep[]
  /** They are barred by these. */
  readonly barred: readonly KeptUndo[]
  /** They were barred, and are done all the same: what is kept for them is parked, due at once, and new to the inbox. */
  readonly undone: readonly StepName[]
  /** Nothing is to be kept of them any longer. */
  readonly settled: readonly StepName[]
}

/** What one delivery changes. */
export type DoubtChange =
  | { readonly form: 'called'; readonly step: CalledStep }
  | { readonly form: 'undone' | 'settled'; readonly step: StepName }
  | { readonly form: 'barred'; readonly undo: KeptUndo }
