import type { StepName } from '@troupe/core'
import { textArray } from '../wire/parameters.ts'

/** Sagas and steps: two parameters. */
export function stepNames(steps: readonly StepName[]) {
  return [
    textArray(
      steps.map(({ saga }) => saga),
      'saga',
    ),
    textArray(
      steps.map(({ step }) => step),
      'step',
    ),
  ] as const
}
