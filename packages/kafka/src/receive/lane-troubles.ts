import { isTroupeError, type Log, messageOf, type TopicPartition } from '@troupe/core'
import { createBackoff } from '../client/backoff.ts'
import type { PartitionState, ReceiverFailure } from './partition-work.ts'

/** Between attempts at whatever concerns one partition. */
export const laneBackoffs = { initialDelayMs: 100, maxDelayMs: 10_000 }

export interface TroublesOptions {
  readonly partition: TopicPartition
  readonly log: Log
  onFailure(failure: ReceiverFailure): void
  /** Where the partition is, for the log. */
  facts(): object
}

/** What does not work on one partition: says so, remembers it, and tries again. */
export class LaneTroubles {
  readonly #options: TroublesOptions
  #failure: PartitionState['failure']

  constructor(options: TroublesOptions) {
    this.#options = options
  }

  /** What failed last, until something works. */
  get failure(): PartitionState['failure'] {
    return this.#failure
  }

  over(): void {
    this.#failure = undefined
  }

  /** Tries until it works; undefined if the signal aborted before. */
  async untilItWorks<Result>(
    kind: 'claim' | 'position',
    signal: AbortSignal,
    task: () => Promise<Result>,
  ): Promise<Result | undefined> {
    const backoff = createBackoff(laneBackoffs)
    while (!signal.aborted) {
      try {
        const result = await task()
        this.over()
        return result
      } catch (error) {
        if (signal.aborted) return undefined
        this.failed(kind, error, backoff.attempts + 1)
        await backoff.wait(signal)
      }
    }
    return undefined
  }

  failed(kind: ReceiverFailure['kind'], error: unknown, attempt: number, facts: object = {}): void {
    const message = messageOf(error)
    this.#failure = { message, attempt, sinceMs: this.#failure?.sinceMs ?? Date.now() }
    const code = isTroupeError(error) ? error.code : undefined
    this.#options.log.warn(
      { ...this.#options.facts(), ...facts, kind, attempt, code, err: error },
      `${what[kind]} failed, ${kind === 'release' ? 'going on' : 'trying again'}: ${message}`,
    )
    this.#tell(kind, error, attempt)
  }

  /** Something that no attempt will mend: a person has to know. */
  error(error: Error & { readonly code: string }, facts: object): void {
    this.#options.log.error({ ...this.#options.facts(), code: error.code, ...facts }, error.message)
    this.#tell('position', error, 1)
  }

  /** The same, and nothing more is read until a person has decided. */
  halt(error: Error & { readonly code: string }, facts: object): void {
    this.#failure = { message: error.message, attempt: 1, sinceMs: Date.now() }
    this.error(error, facts)
  }

  #tell(kind: ReceiverFailure['kind'], error: unknown, attempt: number): void {
    this.#options.onFailure({ kind, partition: this.#options.partition, error, attempt })
  }
}

const what: Record<ReceiverFailure['kind'], string> = {
  take: 'handling a batch',
  claim: 'claiming the partition',
  position: "asking for the partition's first and last offset",
  record: 'reading records',
  release: 'releasing the partition',
  connection: 'reaching Kafka',
}
