import { type ClaimedTopic, isTroupeError, laneOf, type TopicPartition, type TroupeError } from '@troupe/core'
import type { Batch } from 'kafkajs'
import { type Backoff, createBackoff } from '../client/backoff.ts'
import type { Reading } from './growth-gate.ts'
import { damagedAt, ofAnotherTopic, outOfRange, skippedTo } from './lane-refusals.ts'
import { laneBackoffs, LaneTroubles } from './lane-troubles.ts'
import type {
  LaneOptions,
  LanePhase,
  PartitionState,
  PartitionWork,
  ReceivedBatch,
} from './partition-work.ts'
import { type FetchedStretch, recordsOf, stretchOf } from './received.ts'
import type { LaneSight } from './stall.ts'
import { WaitingRecords } from './waiting-records.ts'

/** A log as the brokers show it. */
interface LogFound {
  readonly low: bigint
  readonly high: bigint
  readonly topicId: string | undefined
}

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
 * 6. Whenever the place of the position is looked at, so is the id of its topic: offsets alone do not tell a
 *    topic that was deleted and made again, once it has grown past the position. A rebalance is a reason to look,
 *    and so is a broker that does not have the partition.
 *
 * phase     | claimed, in range | fetched elsewhere than at tail | out of range | another topic      | fenced   | lost, or finished
 * claiming  | reading           | held                           | halted       | halted, or claimed | -        | released
 * reading   | -                 | checking                       | -            | -                  | claiming | released
 * checking  | reading           | dropped                        | halted       | halted, or claimed | claiming | released
 * halted    | -                 | dropped                        | -            | -                  | claiming | released
 *
 * Another topic is claimed, from its first record, where data loss is skipped: after what waits is settled.
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
  readonly #waiting: WaitingRecords
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
  /** Of the topic that the position belongs to; undefined if nobody knows. */
  #topicId: string | undefined
  /** The topic that is to be claimed in place of the one that is gone. */
  #replacing: ClaimedTopic | undefined
  #waitsFor: readonly string[] | undefined
  readonly #troubles: LaneTroubles
  #wake: () => void = () => undefined
  #isReady: () => void = () => undefined

  constructor(options: LaneOptions) {
    this.#options = options
    this.#partition = options.partition
    this.#waiting = new WaitingRecords(options.budget)
    this.#troubles = new LaneTroubles({ ...options, facts: () => this.#facts() })
    // An earlier lane of this partition may have left it paused.
    options.feed.resume(options.partition)
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve
    })
    this.released = this.#run()
  }

  get state(): PartitionState {
    const { failure } = this.#troubles
    return {
      ...this.#partition,
      phase: this.#phase,
      position: this.#settled,
      highWatermark: this.#highWatermark,
      waiting: this.#waiting.count,
      lost: this.#lostRecords,
      ...(this.#waitsFor && { waitsFor: this.#waitsFor }),
      ...(failure && { failure }),
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
    if (this.#phase !== 'reading') return
    if (this.#topicId === undefined) this.#options.feed.seek(this.#partition, this.#tail)
    else this.#doubt('the group was joined anew')
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
    this.#waiting.add(recordsOf(batch, this.#partition))
    this.#highWatermark = stretch.highWatermark
    if (stretch.to > stretch.from) this.#advance(stretch.to)
    if (stretch.damage !== undefined) void this.#refetch(stretch.damage)
    else this.#refetches.reset()
  }

  readonly #refetches = createBackoff(laneBackoffs)

  /**
   * Damaged bytes are never handed over. They may have been damaged on the way, or on the disk of a broker
   * that is repaired or replaced: they are asked for again, without end.
   */
  async #refetch(damage: string): Promise<void> {
    this.#phase = 'checking'
    this.#pause()
    const { signal } = this.#claimed
    const error = damagedAt(this.#partition, this.#tail, damage)
    this.#troubles.failed('record', error, this.#refetches.attempts + 1)
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

  /** The broker says that there is no such partition: its topic is deleted, and may be made again. */
  unknown(): void {
    if (this.#phase === 'reading') this.#doubt('the broker does not have the partition')
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
    this.#waiting.clear()
    this.#held = undefined
    this.#pause()
  }

  async #claim(): Promise<PartitionWork | undefined> {
    this.#claimed = new AbortController()
    const { signal } = this.#claimed
    const replacing = this.#replacing
    this.#replacing = undefined
    const work = await this.#troubles.untilItWorks('claim', signal, () => this.#assign(replacing))
    if (!work) return undefined
    this.#doubtedSkip = undefined
    this.#topicId = work.topicId
    this.#startsAnywhere = work.next === undefined
    // What precedes the records of a topic that was made anew is in partitions that begin anew as well.
    this.#hadPosition = work.next !== undefined || replacing !== undefined
    this.#isGrowth = !this.#hadPosition && (await this.#hasGrown(signal))
    this.#tail = work.next ?? 0n
    this.#settled = work.next
    await this.#goToTail(signal)
    return work
  }

  async #assign(replacing: ClaimedTopic | undefined): Promise<PartitionWork> {
    const { assign, feed } = this.#options
    return await assign(this.#partition, replacing ?? { id: await feed.topicIdOf(this.#partition) })
  }

  async #hasGrown(signal: AbortSignal): Promise<boolean> {
    const hasGrown = await this.#troubles.untilItWorks('position', signal, () =>
      this.#options.gate.hasGrown(this.#partition),
    )
    return hasGrown ?? false
  }

  /** Waits, with the first records in hand, until what precedes them in other partitions is settled. */
  async #passGate(): Promise<void> {
    const { signal } = this.#finishing
    await this.#troubles.untilItWorks('position', signal, () =>
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
    const found = await this.#troubles.untilItWorks('position', signal, () => this.#lookAround(signal))
    if (!found || signal.aborted) return
    this.#highWatermark = found.high
    if (this.#isOfAnother(found.topicId)) {
      this.#meetAnother(found.topicId)
      return
    }
    if (this.#startsAnywhere) this.#tail = this.#settled = found.low
    if (this.#tail < found.low && this.#options.onDataLoss === 'skip') this.#skipTo(found.low)
    if (this.#tail < found.low || this.#tail > found.high) {
      const { low, high } = found
      this.#halt(outOfRange(this.#partition, this.#tail, found), { low, high })
      return
    }
    this.#phase = 'reading'
    this.#dueSinceMs = performance.now()
    this.#acceptHeld()
    this.#options.feed.seek(this.#partition, this.#tail)
    this.#pauseOrResume()
  }

  #isOfAnother(topicId: string | undefined): topicId is string {
    return topicId !== undefined && this.#topicId !== undefined && topicId !== this.#topicId
  }

  /** The position is one of a topic that is no more. */
  #meetAnother(foundId: string): void {
    const startsOver = this.#options.onDataLoss === 'skip' || this.#settled === undefined
    const replaced = { position: this.#tail, topicId: this.#topicId ?? '', foundId }
    const error = ofAnotherTopic(this.#partition, replaced, startsOver)
    if (!startsOver) {
      this.#halt(error, { foundId })
      return
    }
    // Where nothing was read, nothing is lost.
    if (this.#settled !== undefined) this.#troubles.error(error, { foundId })
    this.#phase = 'checking'
    this.#held = undefined
    this.#pause()
    this.#replacing = { id: foundId, replaces: this.#topicId }
    this.#wake()
  }

  /** The stretch that is handed over next holds what waits, and the gap. */
  #skipTo(low: bigint): void {
    const lost = low - this.#tail
    this.#lostRecords += lost
    this.#troubles.error(skippedTo(this.#partition, this.#tail, low), { lost, low })
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
  async #lookAround(signal: AbortSignal): Promise<LogFound> {
    const found = await this.#look()
    const isThere = this.#startsAnywhere || (this.#tail >= found.low && this.#tail <= found.high)
    if (isThere && !this.#isOfAnother(found.topicId)) return found
    await createBackoff({ initialDelayMs: 200, maxDelayMs: 400 }).wait(signal)
    return await this.#look()
  }

  async #look(): Promise<LogFound> {
    const { feed } = this.#options
    const [range, topicId] = await Promise.all([
      feed.rangeOf(this.#partition),
      this.#topicId === undefined ? undefined : feed.topicIdOf(this.#partition),
    ])
    return { ...range, topicId }
  }

  #halt(error: TroupeError, facts: object): void {
    this.#phase = 'halted'
    this.#held = undefined
    this.#pause()
    this.#troubles.halt(error, facts)
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
        if (this.#replacing) return
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
    const isAll = this.#waiting.count <= batchRecordsMax
    const records = this.#waiting.take(batchRecordsMax)
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
    const backoff = createBackoff(laneBackoffs)
    while (!this.#finishing.signal.aborted) {
      try {
        await work.room?.(this.#finishing.signal)
        const isDone = await this.#options.inTurn(async () => {
          if (this.#finishing.signal.aborted || work.fenced?.aborted) return false
          await work.take(batch)
          return true
        })
        if (!isDone) return false
        this.#troubles.over()
        return true
      } catch (error) {
        if (isTroupeError(error, 'TROUPE_FENCED')) {
          this.#sayFenced()
          return false
        }
        if (this.#lost.signal.aborted) return false
        this.#troubles.failed('take', error, backoff.attempts + 1, { from: batch.from, to: batch.to })
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
      this.#troubles.failed('release', error, 1)
    }
  }

  #facts(): object {
    return { ...this.#partition, position: this.#settled, tail: this.#tail }
  }

  /** There is room again for what all lanes hold together. */
  look(): void {
    this.#pauseOrResume()
  }

  #pauseOrResume(): void {
    if (this.#phase !== 'reading') return
    const { bufferBytesMax, budget } = this.#options
    // A lane that holds nothing may always fetch: the others' buffers must not starve it.
    const { bytes } = this.#waiting
    const isFull = bytes >= bufferBytesMax || (budget.isSpent && bytes > 0)
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
