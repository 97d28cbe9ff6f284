import {
  isTroupeError,
  laneOf,
  messageOf,
  type RawRecord,
  type TopicPartition,
  TroupeError,
} from '@troupe/core'
import type { Batch } from 'kafkajs'
import { type Backoff, createBackoff } from './backoff.ts'
import type {
  LaneOptions,
  LanePhase,
  PartitionState,
  PartitionWork,
  ReceivedBatch,
  ReceiverFailure,
} from './partition-work.ts'
import type { Reading } from './growth-gate.ts'
import { type FetchedStretch, recordsOf, sizeOf, stretchOf } from './received.ts'
import type { LaneSight } from './stall.ts'

const backoffs = { initialDelayMs: 100, maxDelayMs: 10_000 }

/**
 * One assigned partition, from its claim to its release.
 *
 * Invariants
 * 1. Stretches are handed to `take` in the order of their offsets, each beginning where the one before it
 *    ended, the first one at the claim's position.
 * 2. What was fetched counts only if it was fetched at exactly `tail`. Anything else is dropped, and the
 *    consumer is sent back to `tail`.
 * 3. kafkajs fetches this partition only while it is `reading` and less than a buffer is waiting, and once
 *    while it is `claiming`: that batch is held, since most often it is the one that will be due.
 * 4. At most one `take` is pending. A stretch is given up only by its success, a fence, or the end.
 * 5. Each claim's `release` is called once, when no take of it is pending any more.
 *
 * phase     | claimed, in range | fetched elsewhere than at tail | out of range | fenced   | lost, or finished
 * claiming  | reading           | held                           | halted       | -        | released
 * reading   | -                 | checking                       | -            | claiming | released
 * checking  | reading           | dropped                        | halted       | claiming | released
 * halted    | -                 | dropped                        | -            | claiming | released
 *
 * `lost` aborts the signal of what is under way; `finish` lets it end. The receiver owns every lane.
 */
export class PartitionLane {
  /** Resolves once the partition is claimed, halted or released. */
  readonly ready: Promise<void>
  /** Resolves once the partition is released. */
  readonly released: Promise<void>
  readonly #options: LaneOptions
  readonly #partition: TopicPartition
  /** Aborted: begin nothing new. */
  readonly #finishing = new AbortController()
  /** Aborted when the present claim ends: news from before must not touch the next one. */
  #claimed = new AbortController()
  /** Aborted: what is under way ends too. */
  readonly #lost = new AbortController()
  #phase: LanePhase = 'claiming'
  #tail = 0n
  #settled: bigint | undefined
  #highWatermark: bigint | undefined
  #startsAnywhere = false
  #records: RawRecord[] = []
  #bytes = 0
  #isPaused = false
  /** Since when the offset at `tail` is due to be fetched. */
  #dueSinceMs = performance.now()
  #held: Batch | undefined
  #doubtedSkip: bigint | undefined
  #lostRecords = 0n
  /** The partition is new to a group that has read its topic before: others come first. */
  #isGrowth = false
  #hadPosition = false
  /** Held over a change of the group: what is new with it was not there when this partition was claimed. */
  #isKept = false
  #waitsFor: readonly string[] | undefined
  #failure: PartitionState['failure']
  #wake: () => void = () => undefined
  #isReady: () => void = () => undefined

  constructor(options: LaneOptions) {
    this.#options = options
    this.#partition = options.partition
    // An earlier lane of this partition may have left it paused.
    options.feed.resume(options.partition)
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve
    })
    this.released = this.#run()
  }

  get state(): PartitionState {
    return {
      ...this.#partition,
      phase: this.#phase,
      position: this.#settled,
      highWatermark: this.#highWatermark,
      waiting: this.#records.length,
      lost: this.#lostRecords,
      ...(this.#waitsFor && { waitsFor: this.#waitsFor }),
      ...(this.#failure && { failure: this.#failure }),
    }
  }

  /** What other partitions of the topic go by. */
  get reading(): Reading {
    const isOld = this.#hadPosition || (this.#isKept && this.#settled !== undefined)
    return { isOld, position: this.#settled }
  }

  /** What a watchdog goes by. */
  get sight(): Omit<LaneSight, 'end'> {
    const isHungry = this.#phase === 'reading' && !this.#isPaused
    return { name: laneOf(this.#partition), isHungry, tail: this.#tail, sinceMs: this.#dueSinceMs }
  }

  /** Lets the take that is pending end, begins no other, releases. */
  finish(): void {
    this.#finishing.abort()
    this.#claimed.abort()
    this.#wake()
  }

  /** The partition belongs to somebody else now, or there is no more time: aborts what is under way. */
  lose(): void {
    this.#lost.abort()
    this.finish()
  }

  /** The group assigned the partition again: kafkajs has forgotten where we were. */
  keep(): void {
    this.#isKept = true
    if (this.#phase === 'reading') this.#options.feed.seek(this.#partition, this.#tail)
  }

  /** Takes over what was fetched; false if it is not what is due. */
  offer(batch: Batch): boolean {
    if (this.#finishing.signal.aborted) return false
    if (this.#phase === 'claiming') {
      this.#held ??= batch
      this.#pause()
    }
    if (this.#phase !== 'reading') return false
    const stretch = stretchOf(batch)
    if (stretch.from !== this.#tail) {
      this.#doubt(`fetched at ${stretch.from}`)
      return false
    }
    this.#accept(batch, stretch)
    this.#pauseOrResume()
    return stretch.damage === undefined
  }

  #accept(batch: Batch, stretch: FetchedStretch): void {
    let bytes = this.#bytes
    for (const record of recordsOf(batch, this.#partition)) {
      this.#records.push(record)
      bytes += sizeOf(record)
    }
    this.#hold(bytes)
    this.#highWatermark = stretch.highWatermark
    if (stretch.to > stretch.from) this.#advance(stretch.to)
    if (stretch.damage !== undefined) void this.#refetch(stretch.damage)
    else this.#refetches.reset()
  }

  readonly #refetches = createBackoff(backoffs)

  /**
   * Damaged bytes are never handed over. They may have been damaged on the way, or on the disk of a broker
   * that is repaired or replaced: they are asked for again, without end.
   */
  async #refetch(damage: string): Promise<void> {
    this.#phase = 'checking'
    this.#pause()
    const { topic, partition } = this.#partition
    const { signal } = this.#claimed
    const error = new TroupeError(
      'TROUPE_RECORD_CORRUPT',
      `What Kafka holds of ${topic}[${partition}] from ${this.#tail} on is damaged: ${damage}. It is asked for again, and nothing of it is handled; if this goes on, look at the disks of the partition's leader, or move the leader.`,
      { details: { ...this.#partition, offset: this.#tail } },
    )
    this.#failed('record', error, this.#refetches.attempts + 1)
    await this.#refetches.wait(signal)
    if (!signal.aborted) await this.#goToTail(signal)
  }

  /**
   * kafkajs went past a stretch that holds nothing for a reader: control records, aborted ones. It does not
   * say at which offset it fetched. A stretch that adjoins `tail` is a fact about the log. One that lies
   * beyond may be a gap, or news of a place where we no longer are: it counts when it is seen again after
   * the consumer was sent back to `tail`.
   */
  skipped(first: bigint, last: bigint): void {
    if (this.#phase !== 'reading' || last < this.#tail) return
    if (first <= this.#tail || this.#doubtedSkip === last) this.#advance(last + 1n)
    else this.#doubtedSkip = last
  }

  /** kafkajs says that the broker does not have the offset it asked for, and that it moves elsewhere. */
  outOfRange(): void {
    if (this.#phase === 'reading') this.#doubt('the broker does not have that offset')
  }

  #advance(to: bigint): void {
    this.#tail = to
    this.#dueSinceMs = performance.now()
    this.#doubtedSkip = undefined
    this.#startsAnywhere = false
    this.#wake()
  }

  async #run(): Promise<void> {
    await this.#options.after
    while (!this.#finishing.signal.aborted) {
      const work = await this.#claim()
      if (!work) break
      this.#isReady()
      await this.#read(work)
      this.#leave()
      await this.#release(work)
      await this.#fences.wait(this.#finishing.signal)
    }
    this.#phase = 'released'
    this.#isReady()
  }

  readonly #fences: Backoff = createBackoff({ initialDelayMs: 10, maxDelayMs: 5_000 })

  /** Forgets everything that belongs to the claim that ends. */
  #leave(): void {
    this.#claimed.abort()
    this.#phase = 'claiming'
    this.#records = []
    this.#hold(0)
    this.#held = undefined
    this.#pause()
  }

  async #claim(): Promise<PartitionWork | undefined> {
    this.#claimed = new AbortController()
    const { signal } = this.#claimed
    const work = await this.#untilItWorks('claim', signal, () => this.#options.assign(this.#partition))
    if (!work) return undefined
    this.#doubtedSkip = undefined
    this.#startsAnywhere = work.next === undefined
    this.#hadPosition = work.next !== undefined
    this.#isGrowth = this.#startsAnywhere && (await this.#hasGrown(signal))
    this.#tail = work.next ?? 0n
    this.#settled = work.next
    await this.#goToTail(signal)
    return work
  }

  async #hasGrown(signal: AbortSignal): Promise<boolean> {
    const hasGrown = await this.#untilItWorks('position', signal, () =>
      this.#options.gate.hasGrown(this.#partition),
    )
    return hasGrown ?? false
  }

  /** Waits, with the first records in hand, until what precedes them in other partitions is settled. */
  async #passGate(): Promise<void> {
    const { signal } = this.#finishing
    await this.#untilItWorks('position', signal, () =>
      this.#options.gate.pass(this.#partition, signal, (waitsFor) => {
        if (!this.#waitsFor)
          this.#options.log.info(
            { ...this.#facts(), waitsFor },
            'the topic has grown: this partition is begun with when those below it have been read so far',
          )
        this.#waitsFor = waitsFor
      }),
    )
    this.#waitsFor = undefined
    this.#isGrowth = false
  }

  /** Looks whether `tail` is still there, and sends the consumer to it; halts if it is not. */
  async #goToTail(signal: AbortSignal): Promise<void> {
    const range = await this.#untilItWorks('position', signal, () => this.#rangeAround(signal))
    if (!range || signal.aborted) return
    this.#highWatermark = range.high
    if (this.#startsAnywhere) this.#tail = this.#settled = range.low
    if (this.#tail < range.low && this.#options.onDataLoss === 'skip') this.#skipTo(range.low)
    if (this.#tail < range.low || this.#tail > range.high) {
      this.#halt(range)
      return
    }
    this.#phase = 'reading'
    this.#dueSinceMs = performance.now()
    this.#acceptHeld()
    this.#options.feed.seek(this.#partition, this.#tail)
    this.#pauseOrResume()
  }

  /** The stretch that is handed over next holds what waits, and the gap. */
  #skipTo(low: bigint): void {
    const lost = low - this.#tail
    this.#lostRecords += lost
    const { topic, partition } = this.#partition
    const error = new TroupeError(
      'TROUPE_POSITION_OUT_OF_RANGE',
      `${lost} records of ${topic}[${partition}] were deleted before they were read: ${this.#tail} was due, and ${low} is the first that is left. They are skipped, as is set.`,
      { details: { ...this.#partition, position: this.#tail, low } },
    )
    this.#options.log.error({ ...this.#facts(), code: error.code, lost, low }, error.message)
    this.#options.onFailure({ kind: 'position', partition: this.#partition, error, attempt: 1 })
    this.#advance(low)
  }

  #acceptHeld(): void {
    const held = this.#held
    this.#held = undefined
    if (!held) return
    const stretch = stretchOf(held)
    if (stretch.from === this.#tail) this.#accept(held, stretch)
  }

  /** A leader that has just been elected may not know its end yet: only what two looks agree on is true. */
  async #rangeAround(signal: AbortSignal): Promise<{ readonly low: bigint; readonly high: bigint }> {
    const { feed } = this.#options
    const range = await feed.rangeOf(this.#partition)
    if (this.#startsAnywhere || (this.#tail >= range.low && this.#tail <= range.high)) return range
    await createBackoff({ initialDelayMs: 200, maxDelayMs: 400 }).wait(signal)
    return await feed.rangeOf(this.#partition)
  }

  #halt({ low, high }: { readonly low: bigint; readonly high: bigint }): void {
    this.#phase = 'halted'
    this.#held = undefined
    this.#pause()
    const { topic, partition } = this.#partition
    const lost = this.#tail < low ? `${low - this.#tail} records are gone` : 'the log was cut or made anew'
    const error = new TroupeError(
      'TROUPE_POSITION_OUT_OF_RANGE',
      `${topic}[${partition}] is to be read from ${this.#tail}, but holds only ${low} to ${high}: ${lost}. Nothing of this partition is read until its stored position is set by a person.`,
      { details: { ...this.#partition, position: this.#tail, low, high } },
    )
    this.#failure = { message: error.message, attempt: 1, sinceMs: Date.now() }
    this.#options.log.error({ ...this.#facts(), code: error.code, low, high }, error.message)
    this.#options.onFailure({ kind: 'position', partition: this.#partition, error, attempt: 1 })
  }

  #doubt(reason: string): void {
    this.#phase = 'checking'
    this.#pause()
    this.#options.log.debug({ ...this.#facts(), reason }, 'not where it should be; going back')
    void this.#goToTail(this.#claimed.signal)
  }

  /** Hands over what waits, until the lane ends or is fenced. */
  async #read(work: PartitionWork): Promise<void> {
    work.fenced?.addEventListener('abort', () => this.#wake(), { once: true })
    while (!this.#finishing.signal.aborted) {
      if (work.fenced?.aborted) {
        this.#sayFenced()
        return
      }
      const batch = this.#nextBatch()
      if (!batch) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      if (this.#isGrowth) await this.#passGate()
      if (!(await this.#take(work, batch))) return
      this.#settled = batch.to
      this.#fences.reset()
    }
  }

  /** The longest stretch that may be handed over; undefined if there is nothing new. */
  #nextBatch(): ReceivedBatch | undefined {
    const from = this.#settled ?? this.#tail
    if (this.#tail === from) return undefined
    const { batchRecordsMax } = this.#options
    const isAll = this.#records.length <= batchRecordsMax
    const records = isAll ? this.#records : this.#records.slice(0, batchRecordsMax)
    this.#records = isAll ? [] : this.#records.slice(batchRecordsMax)
    this.#hold(isAll ? 0 : this.#records.reduce((bytes, record) => bytes + sizeOf(record), 0))
    this.#pauseOrResume()
    return {
      ...this.#partition,
      records,
      from,
      to: isAll ? this.#tail : (records.at(-1)?.offset ?? from) + 1n,
      highWatermark: this.#highWatermark ?? this.#tail,
      signal: this.#lost.signal,
    }
  }

  /** Hands one stretch over until it is settled; false if the claim ends before. */
  async #take(work: PartitionWork, batch: ReceivedBatch): Promise<boolean> {
    const backoff = createBackoff(backoffs)
    while (!this.#finishing.signal.aborted) {
      try {
        await work.room?.(this.#finishing.signal)
        const isDone = await this.#options.inTurn(async () => {
          if (this.#finishing.signal.aborted || work.fenced?.aborted) return false
          await work.take(batch)
          return true
        })
        if (!isDone) return false
        this.#failure = undefined
        return true
      } catch (error) {
        if (isTroupeError(error, 'TROUPE_FENCED')) {
          this.#sayFenced()
          return false
        }
        if (this.#lost.signal.aborted) return false
        this.#failed('take', error, backoff.attempts + 1, { from: batch.from, to: batch.to })
        await backoff.wait(this.#finishing.signal)
      }
    }
    return false
  }

  #sayFenced(): void {
    this.#options.log.warn(this.#facts(), 'another owner holds this partition; letting go of it')
  }

  async #release(work: PartitionWork): Promise<void> {
    try {
      await work.release()
    } catch (error) {
      this.#failed('release', error, 1)
    }
  }

  /** Tries until it works; undefined if the signal aborted before. */
  async #untilItWorks<Result>(
    kind: 'claim' | 'position',
    signal: AbortSignal,
    task: () => Promise<Result>,
  ): Promise<Result | undefined> {
    const backoff = createBackoff(backoffs)
    while (!signal.aborted) {
      try {
        const result = await task()
        this.#failure = undefined
        return result
      } catch (error) {
        if (signal.aborted) return undefined
        this.#failed(kind, error, backoff.attempts + 1)
        await backoff.wait(signal)
      }
    }
    return undefined
  }

  #failed(kind: ReceiverFailure['kind'], error: unknown, attempt: number, facts: object = {}): void {
    const message = messageOf(error)
    this.#failure = { message, attempt, sinceMs: this.#failure?.sinceMs ?? Date.now() }
    const code = isTroupeError(error) ? error.code : undefined
    this.#options.log.warn(
      { ...this.#facts(), ...facts, kind, attempt, code, err: error },
      `${what[kind]} failed, ${kind === 'release' ? 'going on' : 'trying again'}: ${message}`,
    )
    this.#options.onFailure({ kind, partition: this.#partition, error, attempt })
  }

  #facts(): object {
    return { ...this.#partition, position: this.#settled, tail: this.#tail }
  }

  /** There is room again for what all lanes hold together. */
  look(): void {
    this.#pauseOrResume()
  }

  #hold(bytes: number): void {
    const more = bytes - this.#bytes
    this.#bytes = bytes
    this.#options.budget.add(more)
  }

  #pauseOrResume(): void {
    if (this.#phase !== 'reading') return
    const { bufferBytesMax, budget } = this.#options
    // A lane that holds nothing may always fetch: the others' buffers must not starve it.
    const isFull = this.#bytes >= bufferBytesMax || (budget.isSpent && this.#bytes > 0)
    if (isFull) this.#pause()
    else if (this.#isPaused) {
      this.#isPaused = false
      this.#dueSinceMs = performance.now()
      this.#options.feed.resume(this.#partition)
    }
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#options.feed.pause(this.#partition)
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
