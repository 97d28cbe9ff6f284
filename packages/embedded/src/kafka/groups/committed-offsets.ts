/** How far a group has come in one partition. */
export interface CommittedOffset {
  /** The next offset to read; kafkajs also commits -1 and -2 for "the end" and "the beginning". */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

/** One commit, as the journal keeps it. */
export interface OffsetCommit extends CommittedOffset {
  readonly topic: string
  readonly partition: number
}

/** The committed offsets of one group. */
export class CommittedOffsets {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>()

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  set({ topic, partition, offset, leaderEpoch, metadata }: OffsetCommit): void {
    let partitions = this.#topics.get(topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.#topics.set(topic, partitions)
    }
    partitions.set(partition, { offset, leaderEpoch, metadata })
  }

  deleteTopic(topic: string): boolean {
    return this.#topics.delete(topic)
  }

  all(): OffsetCommit[] {
    return [...this.#topics].flatMap(([topic, partitions]) =>
      [...partitions].map(([partition, committed]) => ({ topic, partition, ...committed })),
    )
  }
}
