import { type Log, type OutgoingRecord, TroupeError } from '@troupe/core'
import { createBackoff } from '../client/backoff.ts'
import type { KafkaConnection } from '../client/client.ts'
import { HeldIds } from './held-ids.ts'
import { problemOf } from '../client/kafka-error.ts'
import { onWire } from '../client/namespace.ts'
import type { AroundRequest } from './outgoing.ts'
import { ProducerLink } from './producer-link.ts'
import { settlesWithin } from '../client/settles-within.ts'
import { TopicSender } from './topic-sender.ts'

/**
 * Publishes what the ledger has committed.
 *
 * Invariants
 * 1. Records of one topic are published in the order in which they were pushed; order between topics is not
 *    kept. One topic that fails does not hold back another.
 * 2. A record is in hand from its push until the ledger has deleted it: see {@link HeldIds}.
 * 3. Nothing is lost by anything here: what is not acknowledged is still in the outbox.
 *
 * phase    | start      | connected | stop
 * idle     | connecting | -         | stopped
 * connecting | -        | running   | stopped
 * running  | -          | -         | stopping → stopped, when drained or out of time
 */
export type RelayPhase = 'idle' | 'connecting' | 'running' | 'stopping' | 'stopped'

export interface RelayOptions {
  readonly connection: KafkaConnection
  readonly log: Log
  readonly tuning?: RelayTuning
  readonly around?: AroundRequest
  /** Told at every acknowledgement how long the oldest record of the request has waited for it. */
  readonly onAcknowledged?: (afterMs: number) => void
}

export interface RelayTuning {
  /** Default 1,000: records in one request. */
  readonly requestRecordsMax?: number
  /** Default 512 KiB: about this much in one request. Kafka's own limit of 1 MiB is per partition of a request. */
  readonly requestBytesMax?: number
  /** Default 10,000: with more than this many queued, `room` waits. */
  readonly queueRecordsMax?: number
  /** Default 32 MiB: with more than this much queued, `room` waits. */
  readonly queueBytesMax?: number
  /** Default 30,000: how late a new partition may be noticed. */
  readonly metadataMaxAgeMs?: number
}

export interface RelayState {
  readonly phase: RelayPhase
  readonly queued: number
  readonly queuedBytes: number
  /** Records acknowledged since the start. */
  readonly published: number
  /** When the oldest queued record was pushed, in milliseconds since the epoch. */
  readonly oldestUnpublishedSinceMs?: number
  /** One for each topic that cannot be published to at present. */
  readonly problems: readonly {
    readonly topic: string
    readonly message: string
    readonly attempt: number
    readonly sinceMs: number
  }[]
  /** How many records Kafka will never take; they stay in the outbox. */
  readonly refusedCount: number
  /** The first hundred of them. */
  readonly refused: readonly { readonly id: string; readonly topic: string; readonly message: string }[]
}

export interface Relay {
  /** Resolves once it is connected; tries until then, and may be called again to wait for the same. Records may be pushed before. @throws TroupeError `TROUPE_STOPPED` */
  start(): Promise<void>
  /**
   * Queues records, in order; returns at once. What it has in hand already is not queued again. A record that
   * fails is tried until Kafka acknowledges it on all in-sync replicas; one that Kafka will never take is set
   * aside, with an error in the log.
   */
  push(records: readonly OutgoingRecord[]): void
  /** Whether the queue is below its limits. */
  readonly hasRoom: boolean
  /** Resolves when the queue is below its limits. Await it before producing more. @throws TroupeError `TROUPE_STOPPED` */
  room(): Promise<void>
  /** Resolves when everything that was pushed until now is acknowledged or set aside. @throws TroupeError `TROUPE_STOPPED` */
  drained(): Promise<void>
  /** Ids acknowledged since the last call, for the ledger to delete: answer with `confirmDeleted` or `restore`. */
  takePublished(): string[]
  /** The ledger has deleted these. */
  confirmDeleted(ids: readonly string[]): void
  /** The ledger could not delete these: the next `takePublished` has them again. */
  restore(ids: readonly string[]): void
  /**
   * True from the push of a record until its deletion is confirmed, and for some time after, for a reader of
   * the outbox that was quicker than the delete. Records that were set aside are held too.
   */
  holds(id: string): boolean
  /** Tries to drain within the grace time, then ends. `left` records remain in the outbox. */
  stop(options?: { readonly graceMs?: number }): Promise<{ readonly left: number }>
  readonly state: RelayState
}

const refusedShownMax = 100

/** Inert until it is started. */
export function createRelay(options: RelayOptions): Relay {
  return new OutboxRelay(options)
}

class OutboxRelay implements Relay {
  readonly #options: RelayOptions
  readonly #tuning: Required<RelayTuning>
  /** Connected at the start; the first topic's. */
  readonly #firstLink: ProducerLink
  readonly #ids = new HeldIds()
  readonly #senders = new Map<string, TopicSender>()
  readonly #refused: { readonly id: string; readonly topic: string; readonly message: string }[] = []
  readonly #stopping = new AbortController()
  #phase: RelayPhase = 'idle'
  #queued = 0
  #queuedBytes = 0
  #published = 0
  #refusedCount = 0
  #roomWaiters: (() => void)[] = []
  #started: Promise<void> | undefined
  #stopped: Promise<{ readonly left: number }> | undefined

  constructor(options: RelayOptions) {
    this.#options = options
    this.#tuning = {
      requestRecordsMax: 1_000,
      requestBytesMax: 512 * 1024,
      queueRecordsMax: 10_000,
      queueBytesMax: 32 * 1024 * 1024,
      metadataMaxAgeMs: 30_000,
      ...options.tuning,
    }
    this.#firstLink = this.#newLink()
  }

  #newLink(): ProducerLink {
    return new ProducerLink(this.#options.connection, this.#tuning)
  }

  get state(): RelayState {
    const senders = [...this.#senders]
    const oldest = Math.min(...senders.map(([, sender]) => sender.oldestSinceMs ?? Number.POSITIVE_INFINITY))
    return {
      phase: this.#phase,
      queued: this.#queued,
      queuedBytes: this.#queuedBytes,
      published: this.#published,
      ...(Number.isFinite(oldest) && { oldestUnpublishedSinceMs: oldest }),
      problems: senders.flatMap(([topic, { problem }]) => (problem ? [{ topic, ...problem }] : [])),
      refusedCount: this.#refusedCount,
      refused: this.#refused,
    }
  }

  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    if (this.#phase !== 'idle') throw stoppedError()
    this.#phase = 'connecting'
    const backoff = createBackoff({ initialDelayMs: 50, maxDelayMs: 5_000 })
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#firstLink.connected()
        break
      } catch (error) {
        const { message } = problemOf(error)
        this.#options.log.warn(
          { attempt: backoff.attempts + 1 },
          `the relay cannot reach Kafka yet: ${message}`,
        )
        await backoff.wait(this.#stopping.signal)
      }
    }
    if (this.#stopping.signal.aborted || this.#stopped) throw stoppedError()
    this.#phase = 'running'
    for (const sender of this.#senders.values()) sender.pump()
  }

  push(records: readonly OutgoingRecord[]): void {
    const touched = new Set<TopicSender>()
    for (const record of records) {
      if (!this.#ids.begin(record.id)) continue
      const sender = this.#senderOf(record.topic)
      this.#queuedBytes += sender.push(record)
      this.#queued += 1
      touched.add(sender)
    }
    if (this.#phase === 'running' || this.#phase === 'stopping') for (const sender of touched) sender.pump()
  }

  get hasRoom(): boolean {
    return this.#queued < this.#tuning.queueRecordsMax && this.#queuedBytes < this.#tuning.queueBytesMax
  }

  async room(): Promise<void> {
    while (!this.hasRoom) {
      this.#refuseStopped()
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve))
    }
  }

  async drained(): Promise<void> {
    if (this.#stopping.signal.aborted && this.#queued > 0) throw stoppedError()
    await Promise.all([...this.#senders.values()].map((sender) => sender.drained()))
    if (this.#stopping.signal.aborted && this.#queued > 0) throw stoppedError()
  }

  takePublished(): string[] {
    return this.#ids.take()
  }

  confirmDeleted(ids: readonly string[]): void {
    this.#ids.forget(ids)
  }

  restore(ids: readonly string[]): void {
    this.#ids.restore(ids)
  }

  holds(id: string): boolean {
    return this.#ids.has(id)
  }

  stop({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<{ readonly left: number }> {
    this.#stopped ??= this.#stop(graceMs)
    return this.#stopped
  }

  async #stop(graceMs: number): Promise<{ readonly left: number }> {
    const wasRunning = this.#phase === 'running'
    this.#phase = 'stopping'
    const all = Promise.all([...this.#senders.values()].map((sender) => sender.drained()))
    if (wasRunning) await settlesWithin(all, graceMs)
    this.#stopping.abort()
    await Promise.all([
      this.#firstLink.close(),
      ...[...this.#senders.values()].map((sender) => sender.close()),
    ])
    this.#phase = 'stopped'
    this.#wakeRoomWaiters()
    const left = this.#queued
    if (left > 0) {
      this.#options.log.warn(
        { left },
        `stopped with ${left} records unpublished; they are safe in the outbox`,
      )
    }
    return { left }
  }

  #senderOf(topic: string): TopicSender {
    const known = this.#senders.get(topic)
    if (known) return known
    const sender = new TopicSender({
      topic: onWire(this.#options.connection, topic),
      link: this.#senders.size === 0 ? this.#firstLink : this.#newLink(),
      connection: this.#options.connection,
      log: this.#options.log,
      recordsMax: this.#tuning.requestRecordsMax,
      bytesMax: this.#tuning.requestBytesMax,
      stopping: this.#stopping.signal,
      around: this.#options.around,
      onPublished: (records, bytes, afterMs) => {
        for (const { id } of records) this.#ids.publish(id)
        this.#published += records.length
        this.#options.onAcknowledged?.(afterMs)
        this.#left(records.length, bytes)
      },
      onRefused: (record, bytes, { message }) => {
        this.#ids.refuse(record.id)
        this.#refusedCount += 1
        if (this.#refused.length < refusedShownMax) this.#refused.push({ id: record.id, topic, message })
        this.#left(1, bytes)
      },
    })
    this.#senders.set(topic, sender)
    return sender
  }

  #left(count: number, bytes: number): void {
    this.#queued -= count
    this.#queuedBytes -= bytes
    if (this.hasRoom) this.#wakeRoomWaiters()
  }

  #wakeRoomWaiters(): void {
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const wake of waiters) wake()
  }

  #refuseStopped(): void {
    if (this.#phase === 'stopped') throw stoppedError()
  }
}

function stoppedError(): TroupeError {
  return new TroupeError('TROUPE_STOPPED', 'The relay is stopped. What it did not publish is in the outbox.')
}
