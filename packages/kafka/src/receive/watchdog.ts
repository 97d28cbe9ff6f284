import { type Log, messageOf } from '@troupe/core'
import type { KafkaConnection } from '../client/client.ts'
import { createLogEnds, type LogEnds } from './log-ends.ts'
import { type Sight, stallOf } from './stall.ts'

export interface WatchdogOptions {
  readonly connection: KafkaConnection
  readonly topics: readonly string[]
  readonly log: Log
  readonly everyMs: number
  readonly stalledAfterMs: number
  readonly rebalanceTimeoutMs: number
  /** Undefined while there is no consumer that could be stuck. */
  look(ends: ReadonlyMap<string, bigint>): Sight | undefined
  onStall(why: string): void
}

/**
 * Looks now and then whether the consumer still fetches what there is.
 *
 * Invariants
 * 1. It asks for the ends of the logs over a connection of its own: the consumer's may be what is stuck.
 * 2. One question is under way at a time; a broker that does not answer is judged by the last answer.
 */
export class Watchdog {
  readonly #options: WatchdogOptions
  readonly #logEnds: LogEnds
  #ends: ReadonlyMap<string, bigint> = new Map()
  #timer: NodeJS.Timeout | undefined
  #isAsking = false

  constructor(options: WatchdogOptions) {
    this.#options = options
    this.#logEnds = createLogEnds(options.connection)
  }

  /** Where the logs ended when the broker was asked last, by `topic/partition`. */
  get ends(): ReadonlyMap<string, bigint> {
    return this.#ends
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      void this.#ask()
      this.#judge()
    }, this.#options.everyMs).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#logEnds.close()
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      this.#ends = await this.#logEnds.read(this.#options.topics)
    } catch (error) {
      this.#options.log.debug({ problem: messageOf(error) }, 'no broker tells how far the logs reach')
    } finally {
      this.#isAsking = false
    }
  }

  #judge(): void {
    const sight = this.#options.look(this.#ends)
    const why = sight && stallOf(sight, this.#options)
    if (why !== undefined) this.#options.onStall(why)
  }
}
