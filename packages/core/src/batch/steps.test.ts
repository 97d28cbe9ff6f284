import { describe, expect, it } from '@jest/globals'
import type { StepState } from '../ports.ts'
import { onStepEvent, onUndoEvent } from './steps.ts'

describe('the life of a step', () => {
  it.each<[StepState | undefined, string, string]>([
    [undefined, 'run', 'barred'],
    ['done', 'step-repeated', 'run'],
    ['undone', 'step-barred', 'undo-repeated'],
    ['barred', 'step-barred', 'undo-repeated'],
  ])('from %s: its own event %s, its undo’s event %s', (state, onStep, onUndo) => {
    expect(onStepEvent(state)).toBe(onStep)
    expect(onUndoEvent(state)).toBe(onUndo)
  })
})
