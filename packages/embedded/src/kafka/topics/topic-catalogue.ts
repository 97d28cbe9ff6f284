/**
 * The topics of the broker.
 *
 * Invariants
 * 1. A topic in the catalogue has at least one partition; partitions are numbered from 0 without gaps and
 *    their number only grows.
 * 2. The store has heard of a topic before its name is in the catalogue, and of its end before its logs
 *    are removed: a crash in between leaves files without a topic, never a topic without files.
 * 3. A deleted topic's name may be used again at once: its successor has another id and other logs.
 *
 * Owner of all partition logs: it creates, closes and removes them.
 */
import { randomUUID } from 'node:crypto'
import type { PartitionLog } from '../log/partition-log.ts'

export interface Topic {
  readonly name: string
  /** Unique for the life of the topic; distinguishes it from a namesake that was deleted. */
  readonly id: string
  readonly partitions: PartitionLog[]
  /** Settings that differ from the defaults. */
  readonly settings: Map<string, string>
}

/** Where topics are kept beyond the process, if anywhere. */
export interface TopicStore {
  /** Keeps the whole catalogue as it stands now. */
  save(topics: Iterable<Topic>): void
  /** The log of a partition, empty or as it was left. */
  openLog(topic: Pick<Topic, 'name' | 'id'>, partition: number): PartitionLog
  /** Called after the topic's logs are removed. */
  forget(topic: Topic): void
}

/** More partitions than this in one topic are a mistake, and would cost a test its memory. */
export const PARTITIONS_MAX = 10_000

const LEGAL_NAME = /^[a-zA-Z0-9._-]{1,249}$/

/** Whether Kafka would take this as a topic's name. */
export function isLegalTopicName(name: string): boolean {
  return LEGAL_NAME.test(name) && name !== '.' && name !== '..'
}

export class TopicCatalogue {
  readonly #store: TopicStore
  readonly #topics = new Map<string, Topic>()

  constructor(store: TopicStore, recovered: Iterable<Topic> = []) {
    this.#store = store
    for (const topic of recovered) this.#topics.set(topic.name, topic)
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  /** The log of one partition, if both topic and partition exist. */
  log(name: string, partition: number): PartitionLog | undefined {
    return this.#topics.get(name)?.partitions[partition]
  }

  all(): Topic[] {
    return [...this.#topics.values()]
  }

  /** The caller has checked the name, that it is free, the number of partitions and the settings. */
  create(name: string, partitionCount: number, settings: ReadonlyMap<string, string> = new Map()): Topic {
    const id = randomUUID()
    const topic: Topic = { name, id, partitions: [], settings: new Map(settings) }
    for (let partition = 0; partition < partitionCount; partition += 1) {
      topic.partitions.push(this.#store.openLog(topic, partition))
    }
    this.#store.save([...this.#topics.values(), topic])
    this.#topics.set(name, topic)
    return topic
  }

  /** The caller has checked that `partitionCount` is larger than now. */
  grow(topic: Topic, partitionCount: number): void {
    const before = topic.partitions.length
    for (let partition = before; partition < partitionCount; partition += 1) {
      topic.partitions.push(this.#store.openLog(topic, partition))
    }
    this.#saveOrUndo(() => topic.partitions.splice(before))
  }

  /** Replaces all settings of a topic; the caller has checked them. */
  replaceSettings(topic: Topic, settings: ReadonlyMap<string, string>): void {
    const before = new Map(topic.settings)
    const set = (entries: ReadonlyMap<string, string>): void => {
      topic.settings.clear()
      for (const [name, value] of entries) topic.settings.set(name, value)
    }
    set(settings)
    this.#saveOrUndo(() => set(before))
  }

  delete(topic: Topic): void {
    this.#topics.delete(topic.name)
    this.#saveOrUndo(() => this.#topics.set(topic.name, topic))
    for (const log of topic.partitions) log.remove()
    this.#store.forget(topic)
  }

  /** To be called after the start of a log was moved. */
  saveLogStarts(): void {
    this.#store.save(this.#topics.values())
  }

  close(): void {
    for (const topic of this.#topics.values()) for (const log of topic.partitions) log.close()
  }

  /** What cannot be kept must not be answered as done. */
  #saveOrUndo(undo: () => void): void {
    try {
      this.#store.save(this.#topics.values())
    } catch (error) {
      undo()
      throw error
    }
  }
}
