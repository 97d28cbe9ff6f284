import type { RawRecord, RecordHeaders } from '@troupe/core'

/** What a producer hands over. */
export interface ToAppend {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
}

/** Kafka's log: topics of partitions of records. What was appended stays, unless nobody had replicated it. */
export interface ModelLog {
  readonly partitions: number
  append(topic: string, partition: number, records: readonly ToAppend[]): void
  read(topic: string, partition: number, from: bigint, max: number): readonly RawRecord[]
  end(topic: string, partition: number): bigint
  /** Resolves when something is appended, or the signal aborts. */
  appended(signal: AbortSignal): Promise<void>
  /** As if something had been appended. */
  wake(): void
  /** Another one for each topic of one name. */
  idOf(topic: string): string
  /** Deletes a topic and makes it again: its offsets begin anew. */
  remake(topic: string): void
  /** All that a topic holds and, before it was made again, has held, partition by partition. */
  all(topic: string): readonly RawRecord[]
}

export function modelLog(partitions: number): ModelLog {
  const topics = new Map<string, RawRecord[][]>()
  /** What topics held that are no more. */
  const gone = new Map<string, RawRecord[][][]>()
  const goneOf = (topic: string) => gone.get(topic) ?? []
  const waiters = new Set<() => void>()
  function wake(): void {
    const woken = [...waiters]
    waiters.clear()
    for (const one of woken) one()
  }
  function partitionOf(topic: string, partition: number): RawRecord[] {
    let all = topics.get(topic)
    if (!all) topics.set(topic, (all = Array.from({ length: partitions }, () => [])))
    const one = all[partition]
    if (!one) throw new RangeError(`${topic} has no partition ${partition}`)
    return one
  }
  return {
    partitions,
    append(topic, partition, records) {
      const log = partitionOf(topic, partition)
      for (const { key, value, headers } of records) {
        const offset = BigInt(log.length)
        log.push({ topic, partition, offset, key, value, headers, timestampMs: 0 })
      }
      wake()
    },
    read: (topic, partition, from, max) =>
      partitionOf(topic, partition).slice(Number(from), Number(from) + max),
    appended: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve()
        const end = () => {
          signal.removeEventListener('abort', end)
          resolve()
        }
        waiters.add(end)
        signal.addEventListener('abort', end)
      }),
    wake,
    end: (topic, partition) => BigInt(partitionOf(topic, partition).length),
    idOf: (topic) => `${topic}#${goneOf(topic).length}`,
    remake(topic) {
      gone.set(topic, [...goneOf(topic), topics.get(topic) ?? []])
      topics.delete(topic)
      wake()
    },
    all: (topic) =>
      Array.from({ length: partitions }, (_, index) => [
        ...goneOf(topic).flatMap((held) => held[index] ?? []),
        ...partitionOf(topic, index),
      ]).flat(),
  }
}

/** Where Kafka's producers put a key: murmur2 over its bytes. Source: org.apache.kafka.common.utils.Utils. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

function murmur2(data: Uint8Array): number {
  const at = (index: number) => data[index] ?? 0
  const m = 0x5bd1e995
  let hash = 0x9747b28c ^ data.length
  const whole = data.length & ~3
  for (let index = 0; index < whole; index += 4) {
    let word = at(index) | (at(index + 1) << 8) | (at(index + 2) << 16) | (at(index + 3) << 24)
    word = Math.imul(word, m)
    word = Math.imul(word ^ (word >>> 24), m)
    hash = Math.imul(hash, m) ^ word
  }
  const left = data.length - whole
  if (left === 3) hash ^= at(whole + 2) << 16
  if (left >= 2) hash ^= at(whole + 1) << 8
  if (left >= 1) hash = Math.imul(hash ^ at(whole), m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}
