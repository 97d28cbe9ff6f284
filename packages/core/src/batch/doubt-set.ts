import type { CalledStep, DoubtChange, DoubtWrites, KeptUndo, StoredDoubt } from './doubt.ts'
import { pairMap } from '../declare/name.ts'
import type { StepName } from '../ports.ts'

/** What a batch knows of steps in doubt, and what it changes. Part of a working set. */
export interface DoubtSet {
  of(step: StepName): Pick<StoredDoubt, 'called' | 'isUndoKept'> | undefined
  apply(change: DoubtChange): void
  /** Undefined if nothing was changed. */
  writes(): DoubtWrites | undefined
}

interface Held {
  readonly step: StepName
  called: StoredDoubt['called']
  isUndoKept: boolean
  /** What of that is new. */
  newlyCalled: CalledStep | undefined
  undo: KeptUndo | undefined
  /** How it ends, if it does. */
  end: 'undone' | 'settled' | undefined
}

/** Opens it on what the ledger recalled. */
export function doubtSet(recalled: readonly StoredDoubt[] = []): DoubtSet {
  const all = pairMap<Held>()
  for (const { saga, step, called, isUndoKept } of recalled) {
    all.set(step, saga, { ...nothingOf({ saga, step }), called, isUndoKept })
  }

  function held({ saga, step }: StepName): Held {
    let one = all.get(step, saga)
    if (!one) all.set(step, saga, (one = nothingOf({ saga, step })))
    return one
  }

  return {
    of({ saga, step }) {
      const one = all.get(step, saga)
      return one && (one.called || one.isUndoKept) ? one : undefined
    },
    apply(change) {
      switch (change.form) {
        case 'barred': {
          const one = held(change.undo)
          one.isUndoKept = true
          one.undo = change.undo
          one.end = undefined
          break
        }
        case 'called': {
          const one = held(change.step)
          one.called ??= change.step.event
          one.newlyCalled ??= change.step
          one.end = undefined
          break
        }
        case 'undone':
        case 'settled': {
          const one = held(change.step)
          one.called = undefined
          one.isUndoKept = false
          one.newlyCalled = undefined
          one.end = change.form
          break
        }
      }
    },
    writes() {
      const changed = all.values()
      const called = changed.flatMap(({ newlyCalled }) => newlyCalled ?? [])
      const barred = changed.flatMap(({ undo }) => undo ?? [])
      const undone = changed.filter(({ end }) => end === 'undone').map(({ step }) => step)
      const settled = changed.filter(({ end }) => end === 'settled').map(({ step }) => step)
      if (called.length + barred.length + undone.length + settled.length === 0) return undefined
      return { called, barred, undone, settled }
    },
  }
}

function nothingOf(step: StepName): Held {
  return {
    step,
    called: undefined,
    isUndoKept: false,
    newlyCalled: undefined,
    undo: undefined,
    end: undefined,
  }
}
