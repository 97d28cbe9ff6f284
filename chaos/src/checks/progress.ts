import type { Evidence } from './evidence.ts'

/** A run in which little succeeds proves little. */
export function* progress(
  { events }: Evidence,
  { completedMin }: { readonly completedMin: number },
): Generator<string> {
  const completed = events.filter(({ type }) => type === 'OrderCompleted').length
  if (completed < completedMin) {
    yield `${completed} orders were completed; with fewer than ${completedMin} the run proves nothing.`
  }
}
