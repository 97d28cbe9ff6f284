import { laneOf, type TopicPartition } from '@troupe/core'
import { createBackoff } from '../client/backoff.ts'
import type { Feed } from './partition-work.ts'

/** What is known of how far a partition was read, by whichever member of the group. */
export interface Reading {
  /**
   * Something of it had been settled when its present owner, or nobody, claimed it; or has been since, by an
   * owner who kept it when the group's partitions were dealt out anew.
   */
  readonly isOld: boolean
  /** What is to be settled next; undefined if nothing ever was. */
  readonly position: bigint | undefined
}

export interface GrowthGateOptions {
  readonly feed: Pick<Feed, 'rangeOf'>
  readingOf(partition: TopicPartition): Promise<Reading>
}

/**
 * Keeps the order of a key when its topic has grown.
 *
 * The partition of a key is its hash modulo the number of partitions, so with more of them keys move to new
 * partitions. What a producer said about such a key before lies in a partition with a lower number, and was
 * there before the first record of the new one. So a new partition is begun with only when all partitions
 * below it have been read as far as they reached at a moment when a record of the new one had been seen.
 *
 * Keys move to new partitions only if the number is multiplied: from 3 to 6 or 9, not to 4. Otherwise they
 * also move among the old ones, and nothing tells where.
 */
export class GrowthGate {
  readonly #options: GrowthGateOptions

  constructor(options: GrowthGateOptions) {
    this.#options = options
  }

  /**
   * Whether a partition of which nothing was ever settled came into being after the group had begun to read
   * its topic. For a group that reads the topic for the first time none has: its partitions are begun with
   * side by side.
   */
  async hasGrown(partition: TopicPartition): Promise<boolean> {
    for (const below of partitionsBelow(partition))
      if ((await this.#options.readingOf(below)).isOld) return true
    return false
  }

  /**
   * Resolves when what precedes the partition's records has been settled, or when the signal aborts. Call it
   * when a record of the partition has been seen. `onWait` is told what is waited for.
   */
  async pass(
    partition: TopicPartition,
    signal: AbortSignal,
    onWait: (partitions: readonly string[]) => void,
  ): Promise<void> {
    const due = await Promise.all(
      partitionsBelow(partition).map(async (below) => ({
        below,
        range: await this.#options.feed.rangeOf(below),
      })),
    )
    let unread = due.filter(({ range }) => range.low < range.high)
    const backoff = createBackoff({ initialDelayMs: 10, maxDelayMs: 500 })
    while (!signal.aborted) {
      const places = await Promise.all(unread.map(({ below }) => this.#options.readingOf(below)))
      unread = unread.filter(({ range }, index) => (places[index]?.position ?? 0n) < range.high)
      if (unread.length === 0) return
      onWait(unread.map(({ below }) => laneOf(below)))
      await backoff.wait(signal)
    }
  }
}

function partitionsBelow({ topic, partition }: TopicPartition): TopicPartition[] {
  return Array.from({ length: partition }, (_, below) => ({ topic, partition: below }))
}
