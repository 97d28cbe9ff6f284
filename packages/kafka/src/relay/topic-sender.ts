import {
  type Log,
  messageOf as textOf,
  type OutgoingRecord,
  TroupeError,
  type TroupeErrorCode,
} from '@troupe/core'
import { createBackoff } from '../client/backoff.ts'
import type { KafkaConnection } from '../client/client.ts'
import { denialOf } from '../client/denial.ts'
import { problemOf } from '../client/kafka-error.ts'
import { type AroundRequest, wireSizeOf } from './outgoing.ts'
import type { ProducerLink } from './producer-link.ts'
import type { Publisher } from './publisher.ts'
import { isAnswer, publishVerdictOf } from './refusal.ts'

/**
 * Publishes into one topic, in order.
 *
 * Invariants
 * 1. At most one request is in flight; it holds the front of the queue.
 * 2. A record leaves the queue when Kafka has acknowledged it on all in-sync replicas, or has refused it for
 *    good; never before.
 * 3. What is tried again is tried from the front, so that the log reads, duplicates left out, in the order of
 *    the queue.
 *
 * outcome of a request          | then
 * acknowledged                  | next
 * trouble                       | wait with backoff, then the same again
 * refused, several records      | half as many, until the guilty one is alone
 * too large, one record         | the same once more, compressed
 * refused, one record           | aside with it; next
 * topic is impossible           | aside with all of them; next
 */
export interface SenderOptions {
  readonly topic: string
  /** Its own: kafkajs lets a topic that does not exist spoil the metadata of all others of one client. */
  readonly link: ProducerLink
  readonly connection: Pick<KafkaConnection, 'settings'>
  readonly log: Log
  readonly recordsMax: number
  readonly bytesMax: number
  /** Aborted: begin no other request. */
  readonly stopping: AbortSignal
  readonly around: AroundRequest | undefined
  onPublished(records: readonly OutgoingRecord[], bytes: number, afterMs: number): void
  onRefused(record: OutgoingRecord, bytes: number, error: TroupeError): void
}

interface Queued {
  readonly record: OutgoingRecord
  readonly bytes: number
  readonly pushedAtMs: number
}

interface Waiter {
  readonly until: number
  readonly resolve: () => void
}

export interface SenderProblem {
  readonly message: string
  readonly attempt: number
  readonly sinceMs: number
}

const backoffs = { initialDelayMs: 50, maxDelayMs: 5_000 }

export class TopicSender {
  readonly #options: SenderOptions
  readonly #backoff = createBackoff(backoffs)
  #queue: Queued[] = []
  #isPumping = false
  #recordsMax: number
  #bytesMax: number
  /** The record at the front is too large as it is. */
  #isCompressing = false
  #problem: SenderProblem | undefined
  #pushed = 0
  #done = 0
  #waiters: Waiter[] = []

  constructor(options: SenderOptions) {
    this.#options = options
    this.#recordsMax = options.recordsMax
    this.#bytesMax = options.bytesMax
  }

  get problem(): SenderProblem | undefined {
    return this.#problem
  }

  get queuedCount(): number {
    return this.#queue.length
  }

  get oldestSinceMs(): number | undefined {
    return this.#queue[0]?.pushedAtMs
  }

  /** Returns the bytes that the record counts for. */
  push(record: OutgoingRecord): number {
    const bytes = wireSizeOf(record)
    this.#queue.push({ record, bytes, pushedAtMs: Date.now() })
    this.#pushed += 1
    return bytes
  }

  /** Begins to send what is queued, unless it is at it. Call after pushing. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    void this.#pump()
  }

  /** Resolves when everything that was pushed until now is published or refused, or never will be: see `close`. */
  drained(): Promise<void> {
    if (this.#done === this.#pushed) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ until: this.#pushed, resolve }))
  }

  /** Ends the connection, and lets go of whoever waits to see the queue drained. */
  async close(): Promise<void> {
    await this.#options.link.close()
    for (const { resolve } of this.#waiters) resolve()
    this.#waiters = []
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0 && !this.#options.stopping.aborted) await this.#sendFront()
    this.#isPumping = false
  }

  async #sendFront(): Promise<void> {
    let front: readonly Queued[] = []
    let publisher: Publisher | undefined
    try {
      const connected = await this.#options.link.connected()
      publisher = connected
      // Only now, so that all that is pushed in one go travels together.
      front = this.#isCompressing ? this.#queue.slice(0, 1) : this.#front()
      await this.#send(connected, front)
      this.#acknowledged(front)
    } catch (error) {
      if (publisher && !isAnswer(error)) this.#options.link.drop(publisher)
      await this.#failed(front, error)
    }
  }

  #send(publisher: Publisher, front: readonly Queued[]): Promise<void> {
    const { topic, around } = this.#options
    const records = front.map(({ record }) => record)
    const send = () => publisher.publish(topic, records, { isCompressed: this.#isCompressing })
    return around ? around({ topic, records }, send) : send()
  }

  /** As much of the queue's front as one request may hold: at least one record. */
  #front(): readonly Queued[] {
    let bytes = 0
    let count = 0
    for (const queued of this.#queue) {
      bytes += queued.bytes
      if (count > 0 && (bytes > this.#bytesMax || count >= this.#recordsMax)) break
      count += 1
    }
    return this.#queue.slice(0, count)
  }

  #acknowledged(front: readonly Queued[]): void {
    if (this.#problem) {
      const { attempt, sinceMs } = this.#problem
      const { topic, log } = this.#options
      log.info({ topic, attempt, failedForMs: Date.now() - sinceMs }, `publishing to ${topic} works again`)
    }
    this.#problem = undefined
    this.#isCompressing = false
    this.#backoff.reset()
    this.#options.onPublished(
      front.map(({ record }) => record),
      bytesOf(front),
      Date.now() - (front[0]?.pushedAtMs ?? Date.now()),
    )
    this.#leave(front.length)
  }

  #leave(count: number): void {
    this.#queue.splice(0, count)
    this.#done += count
    const waiters = this.#waiters
    this.#waiters = waiters.filter(({ until }) => until > this.#done)
    for (const { until, resolve } of waiters) if (until <= this.#done) resolve()
  }

  async #failed(front: readonly Queued[], error: unknown): Promise<void> {
    const verdict = publishVerdictOf(error)
    if (verdict === 'record' && front.length > 1) {
      // Kafka limits a partition's share of a request, not only the single record.
      this.#recordsMax = Math.ceil(front.length / 2)
      this.#bytesMax = Math.ceil(bytesOf(front) / 2)
      return
    }
    if (!this.#isCompressing && codeOf(error) === 'TROUPE_EVENT_TOO_LARGE') {
      // What came compressed and is passed on as a dead letter may only fit the same way.
      this.#isCompressing = true
      return
    }
    if (verdict === 'retry') await this.#tryAgain(error)
    else this.#refuse(front, error)
  }

  async #tryAgain(error: unknown): Promise<void> {
    if (this.#options.stopping.aborted) return
    const { topic, log, connection } = this.#options
    const attempt = this.#backoff.attempts + 1
    const { type } = problemOf(error)
    const { message } =
      denialOf(error, connection, { operation: 'Write', topics: [topic] }) ?? problemOf(error)
    this.#problem = { message, attempt, sinceMs: this.#problem?.sinceMs ?? Date.now() }
    log.warn(
      { topic, attempt, type, queued: this.#queue.length },
      `publishing to ${topic} failed, trying again: ${message}`,
    )
    await this.#backoff.wait(this.#options.stopping)
  }

  #refuse(front: readonly Queued[], error: unknown): void {
    const { topic, log, onRefused } = this.#options
    for (const { record, bytes } of front) {
      const refusal = new TroupeError(
        codeOf(error),
        `Kafka refuses record ${record.id} for ${topic}, of about ${bytes} bytes: ${textOf(error)}. It stays in the outbox and is tried again after a restart; until then, later records of its key go before it.`,
        { cause: error, details: { id: record.id, topic, bytes, type: problemOf(error).type } },
      )
      log.error(
        { code: refusal.code, id: record.id, topic, bytes, lane: record.lane, key: keyText(record) },
        refusal.message,
      )
      onRefused(record, bytes, refusal)
    }
    this.#isCompressing = false
    // The guilty one is out: the others may travel in full company again.
    this.#recordsMax = this.#options.recordsMax
    this.#bytesMax = this.#options.bytesMax
    this.#leave(front.length)
  }
}

function codeOf(error: unknown): TroupeErrorCode {
  const { type } = problemOf(error)
  if (type === 'INVALID_TOPIC_EXCEPTION') return 'TROUPE_TOPIC_MISSING'
  return type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE'
    ? 'TROUPE_EVENT_TOO_LARGE'
    : 'TROUPE_EVENT_INVALID'
}

function bytesOf(front: readonly Queued[]): number {
  return front.reduce((sum, { bytes }) => sum + bytes, 0)
}

function keyText({ key }: OutgoingRecord): string | undefined {
  return typeof key === 'string' ? key : undefined
}
