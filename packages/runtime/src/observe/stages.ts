/**
 * The stages that a batch goes through, in order. `receive` is from a record's time to its handing over (on
 * the clocks of two machines), `relay` from a commit to Kafka's acknowledgement. A batch that decides in SQL
 * does so in `transact`, in place of `react`.
 */
export const stages = ['receive', 'decode', 'recall', 'react', 'transact', 'settle', 'relay'] as const

export type Stage = (typeof stages)[number]

/** Told how long a stage of a batch took. */
export type OnStage = (stage: Stage, seconds: number) => void

/** Does the work of a stage, and tells how long it took; of one that fails nothing is told. */
export async function timed<T>(
  stage: Stage,
  onStage: OnStage | undefined,
  work: () => Promise<T> | T,
): Promise<T> {
  const beganMs = performance.now()
  const result = await work()
  onStage?.(stage, (performance.now() - beganMs) / 1_000)
  return result
}
