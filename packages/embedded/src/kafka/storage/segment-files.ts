/**
 * The segments of one partition as files, `<base offset>.log` each, nothing in them but batches. There is
 * no index file: the index is rebuilt from the headers when the broker starts.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '../broker-error.ts'
import { BatchIndex } from '../log/batch-index.ts'
import { PartitionLog, type Segment } from '../log/partition-log.ts'
import { ProducerStates } from '../log/producer-states.ts'
import { HEADER_BYTES, isIntact, readBatchHeader } from '../log/record-batch.ts'
import type { SegmentBytes, SegmentSource } from '../log/segment-bytes.ts'
import type { Log } from '../server/connection.ts'
import { AppendFile } from './append-file.ts'

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024
const SEGMENT_NAME = /^(\d{20})\.log$/
const MAGIC = 2

export interface SegmentFilesOptions {
  readonly isSynced: boolean
  readonly log: Log
}

/**
 * The log in `folder`, as it was left, or an empty one. A torn end (the process died in the middle of a
 * write) is cut off, and said aloud. Throws `BROKER_FOLDER_DAMAGED` when anything but the end is broken.
 */
export function openSegmentFiles(
  folder: string,
  savedStartOffset: number,
  options: SegmentFilesOptions,
): PartitionLog {
  const producers = new ProducerStates()
  const segments: Segment[] = []
  const bases = baseOffsetsIn(folder)
  let endOffset = bases[0] ?? 0
  for (const [at, baseOffset] of bases.entries()) {
    const path = join(folder, segmentName(baseOffset))
    if (baseOffset !== endOffset) throw damaged(path, `begins at offset ${baseOffset}, not at ${endOffset}`)
    const index = new BatchIndex()
    const content = fs.readFileSync(path)
    const isLast = at === bases.length - 1
    endOffset = indexBatches(content, { baseOffset, index, producers, isChecked: isLast })
    if (index.endPosition < content.length) {
      if (!isLast) throw damaged(path, `holds no batch at position ${index.endPosition}`)
      cutTail(path, content.length, index.endPosition, options.log)
    }
    segments.push({ baseOffset, index, bytes: segmentFile(path, index.endPosition, options) })
  }
  const firstOffset = bases[0] ?? 0
  const startOffset = Math.min(Math.max(savedStartOffset, firstOffset), endOffset)
  const source: SegmentSource = {
    create: (baseOffset) => segmentFile(join(folder, segmentName(baseOffset)), 0, options),
  }
  return new PartitionLog(source, { segments, startOffset, endOffset, producers })
}

function segmentFile(path: string, length: number, { isSynced }: SegmentFilesOptions): SegmentBytes {
  const file = new AppendFile(path, length, isSynced)
  return {
    append: (bytes) => file.append(bytes),
    read: (position, count) => file.read(position, count),
    hasRoomFor: (sizeBytes) => file.length === 0 || file.length + sizeBytes <= SEGMENT_BYTES_MAX,
    close: () => file.close(),
    remove: () => file.remove(),
  }
}

/** Walks whole batches until the content ends or makes no sense; returns the offset after the last one. */
function indexBatches(
  content: Buffer,
  into: { baseOffset: number; index: BatchIndex; producers: ProducerStates; isChecked: boolean },
): number {
  const { index, producers, isChecked } = into
  let offset = into.baseOffset
  while (content.length - index.endPosition >= HEADER_BYTES) {
    const at = index.endPosition
    const header = readBatchHeader(content, at)
    const isWhole =
      header.magic === MAGIC &&
      header.sizeBytes >= HEADER_BYTES &&
      at + header.sizeBytes <= content.length &&
      header.baseOffset === offset &&
      header.lastOffsetDelta >= 0
    if (!isWhole || (isChecked && !isIntact(content, header, at))) break
    index.add(offset, header.sizeBytes)
    producers.remember(header, offset)
    offset += header.lastOffsetDelta + 1
  }
  return offset
}

function cutTail(path: string, length: number, intactLength: number, log: Log): void {
  log(
    'warn',
    `${path}: the last ${length - intactLength} bytes are no whole batch and were cut off (the broker did not stop cleanly)`,
  )
  fs.truncateSync(path, intactLength)
}

function baseOffsetsIn(folder: string): number[] {
  if (!fs.existsSync(folder)) return []
  return fs
    .readdirSync(folder)
    .flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

function segmentName(baseOffset: number): string {
  return `${String(baseOffset).padStart(20, '0')}.log`
}

function damaged(path: string, what: string): BrokerError {
  return new BrokerError(
    'BROKER_FOLDER_DAMAGED',
    `${path} ${what}: restore the broker's folder from a copy, or remove it to begin with an empty one.`,
  )
}
