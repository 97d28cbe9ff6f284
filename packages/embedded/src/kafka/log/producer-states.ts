import { ErrorCode } from '../protocol/error-code.ts'
import type { BatchHeader } from './record-batch.ts'

/** How many batches per producer are remembered: clients keep at most five in flight. */
const REMEMBERED_BATCHES = 5
const SEQUENCES = 0x8000_0000

interface RememberedBatch {
  readonly baseSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
}

interface ProducerState {
  epoch: number
  batches: RememberedBatch[]
}

/** What to do with a batch of an idempotent producer. */
export type SequenceVerdict =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly baseOffset: number }
  | { readonly kind: 'refuse'; readonly errorCode: ErrorCode }

const APPEND: SequenceVerdict = { kind: 'append' }

/**
 * What one partition remembers of the idempotent producers that wrote to it, to tell a retry (answered
 * with the offset that the first attempt got) from a gap. A producer that is not known may begin with
 * any sequence: its past may have been deleted with the log's head.
 */
export class ProducerStates {
  readonly #producers = new Map<number, ProducerState>()

  judge(batch: BatchHeader): SequenceVerdict {
    if (batch.producerId < 0) return APPEND
    const state = this.#producers.get(batch.producerId)
    if (state === undefined) return APPEND
    if (batch.producerEpoch < state.epoch) {
      return { kind: 'refuse', errorCode: ErrorCode.INVALID_PRODUCER_EPOCH }
    }
    const expected = batch.producerEpoch > state.epoch ? 0 : nextSequence(state)
    if (batch.producerEpoch === state.epoch) {
      const lastSequence = lastSequenceOf(batch)
      const twin = state.batches.find(
        (known) => known.baseSequence === batch.baseSequence && known.lastSequence === lastSequence,
      )
      if (twin !== undefined) return { kind: 'duplicate', baseOffset: twin.baseOffset }
    }
    if (batch.baseSequence === expected) return APPEND
    return { kind: 'refuse', errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER }
  }

  /** Takes note of a batch that was appended. */
  remember(batch: BatchHeader, baseOffset: number): void {
    if (batch.producerId < 0) return
    let state = this.#producers.get(batch.producerId)
    if (state === undefined || batch.producerEpoch > state.epoch) {
      state = { epoch: batch.producerEpoch, batches: [] }
      this.#producers.set(batch.producerId, state)
    }
    state.batches.push({ baseSequence: batch.baseSequence, lastSequence: lastSequenceOf(batch), baseOffset })
    if (state.batches.length > REMEMBERED_BATCHES) state.batches.shift()
  }
}

function lastSequenceOf(batch: BatchHeader): number {
  return (batch.baseSequence + batch.lastOffsetDelta) % SEQUENCES
}

function nextSequence(state: ProducerState): number {
  const last = state.batches.at(-1)
  return last === undefined ? 0 : (last.lastSequence + 1) % SEQUENCES
}
