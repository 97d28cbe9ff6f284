import { pause } from './pause.ts'

export interface UntilOptions {
  readonly timeoutMs?: number
  readonly everyMs?: number
  readonly signal?: AbortSignal
  /** What is waited for, for a person. */
  readonly what?: string
}

/**
 * Asks again until there is an answer. A question that fails has no answer yet.
 *
 * @throws Error that says what was waited for, and what kept it from being answered last
 */
export async function until<Answer>(
  ask: () => Promise<Answer | undefined | false> | Answer | undefined | false,
  { timeoutMs = 30_000, everyMs = 20, signal, what = 'it' }: UntilOptions = {},
): Promise<Answer> {
  const endMs = performance.now() + timeoutMs
  let failure: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
      failure = undefined
    } catch (error) {
      failure = error
    }
    if (performance.now() > endMs) {
      const why = failure instanceof Error ? `: ${failure.message}` : ''
      throw new Error(`${what} did not come about within ${timeoutMs} ms${why}`, { cause: failure })
    }
    await pause(everyMs, signal)
  }
}
