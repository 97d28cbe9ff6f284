/**
 * The log of one partition.
 *
 * Invariants
 * 1. Offsets are given once, upwards and without gaps: `endOffset` is the next one, and the high
 *    watermark too (one node, no transactions).
 * 2. A batch is in the index only after all its bytes are in the segment; readers see whole batches.
 * 3. Segments follow each other without a hole; only the last one is appended to.
 * 4. `startOffset` only ever moves up. Segments that lie wholly below it are removed at once; a batch
 *    that straddles it stays, and consumers skip its head.
 * 5. Bytes below `endOffset` never change, so a reader may hold on to them.
 *
 * Owner: the topic catalogue creates, closes and removes partition logs; requests only read and append.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { BatchIndex } from './batch-index.ts'
import { ProducerStates } from './producer-states.ts'
import { type BatchHeader, placeBatch } from './record-batch.ts'
import { memorySegments, type SegmentBytes, type SegmentSource } from './segment-bytes.ts'

/** One run of batches, in memory or in a file. */
export interface Segment {
  readonly baseOffset: number
  readonly bytes: SegmentBytes
  readonly index: BatchIndex
}

/** What was found on disk when the broker started on a folder that was used before. */
export interface RecoveredLog {
  readonly segments: Segment[]
  readonly startOffset: number
  readonly endOffset: number
  readonly producers: ProducerStates
}

/** What became of a batch. */
export type AppendResult =
  | { readonly errorCode: typeof ErrorCode.NONE; readonly baseOffset: number }
  | { readonly errorCode: Exclude<ErrorCode, typeof ErrorCode.NONE> }

const LEADER_EPOCH = 0
const EMPTY = Buffer.alloc(0)

export class PartitionLog {
  readonly #source: SegmentSource
  readonly #segments: Segment[]
  readonly #producers: ProducerStates
  readonly #listeners = new Set<() => void>()
  #startOffset: number
  #endOffset: number
  #isRemoved = false

  constructor(source: SegmentSource = memorySegments(), recovered?: RecoveredLog) {
    this.#source = source
    this.#segments = recovered?.segments ?? []
    this.#producers = recovered?.producers ?? new ProducerStates()
    this.#startOffset = recovered?.startOffset ?? 0
    this.#endOffset = recovered?.endOffset ?? 0
  }

  /** The first offset that can be read. */
  get startOffset(): number {
    return this.#startOffset
  }

  /** The offset that the next record gets. */
  get endOffset(): number {
    return this.#endOffset
  }

  /** Whether the topic is gone; whoever waits on this log should stop. */
  get isRemoved(): boolean {
    return this.#isRemoved
  }

  /** Bytes of all segments. */
  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.index.endPosition, 0)
  }

  /** Calls `listener` after each append and on removal, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Appends one checked batch and writes its base offset and leader epoch into `batch` itself. A batch
   * that an idempotent producer sent before is answered with its first offset and not appended again.
   */
  append(batch: Buffer, header: BatchHeader): AppendResult {
    const verdict = this.#producers.judge(header)
    if (verdict.kind === 'refuse') return { errorCode: verdict.errorCode } as AppendResult
    if (verdict.kind === 'duplicate') return { errorCode: ErrorCode.NONE, baseOffset: verdict.baseOffset }

    const baseOffset = this.#endOffset
    placeBatch(batch, baseOffset, LEADER_EPOCH)
    const segment = this.#segmentFor(batch.length)
    segment.bytes.append(batch)
    segment.index.add(baseOffset, batch.length)
    this.#endOffset = baseOffset + header.lastOffsetDelta + 1
    this.#producers.remember(header, baseOffset)
    this.#wake()
    return { errorCode: ErrorCode.NONE, baseOffset }
  }

  /**
   * Whole batches from the one that holds `offset` on, as many as fit into `bytesMax`; with
   * `isOneAtLeast` the first one even if it does not fit. Reads from one segment at a time, so less than
   * there is may come back. Empty at the end of the log.
   *
   * The caller has checked that `offset` lies in [startOffset, endOffset].
   */
  read(offset: number, bytesMax: number, isOneAtLeast: boolean): Buffer {
    const segment = this.#segments.findLast((candidate) => candidate.baseOffset <= offset)
    if (segment === undefined || offset >= this.#endOffset) return EMPTY
    const { index, bytes } = segment
    const first = index.find(offset)
    const start = index.position(first)
    const end = index.endWithin(first, bytesMax, isOneAtLeast)
    return end <= start ? EMPTY : bytes.read(start, end - start)
  }

  /** All batches from the one that holds `offset` on, one by one. */
  *batchesFrom(offset: number): Generator<Buffer> {
    let next = offset
    while (next < this.#endOffset) {
      const segment = this.#segments.findLast((candidate) => candidate.baseOffset <= next)
      if (segment === undefined) return
      const { index, bytes } = segment
      for (let batch = index.find(next); batch < index.batchCount; batch += 1) {
        const start = index.position(batch)
        yield bytes.read(start, index.position(batch + 1) - start)
      }
      next = this.#segments[this.#segments.indexOf(segment) + 1]?.baseOffset ?? this.#endOffset
    }
  }

  /** Moves the log's start up to `offset`. */
  deleteBefore(offset: number): void {
    if (offset <= this.#startOffset) return
    this.#startOffset = offset
    while ((this.#segments[1]?.baseOffset ?? Number.POSITIVE_INFINITY) <= offset) {
      this.#segments.shift()?.bytes.remove()
    }
  }

  close(): void {
    for (const segment of this.#segments) segment.bytes.close()
  }

  /** Gives everything back and wakes whoever waits for more. */
  remove(): void {
    this.#isRemoved = true
    for (const segment of this.#segments) segment.bytes.remove()
    this.#segments.length = 0
    this.#wake()
  }

  #segmentFor(sizeBytes: number): Segment {
    const last = this.#segments.at(-1)
    if (last?.bytes.hasRoomFor(sizeBytes)) return last
    const segment: Segment = {
      baseOffset: this.#endOffset,
      bytes: this.#source.create(this.#endOffset, sizeBytes),
      index: new BatchIndex(),
    }
    this.#segments.push(segment)
    return segment
  }

  #wake(): void {
    // A listener that is served takes itself out of the set while we walk it: a set allows that.
    for (const listener of this.#listeners) listener()
  }
}
