/**
 * Where each batch of one segment lies. Two growing arrays of doubles instead of objects: sixteen bytes a
 * batch, and a producer that sends message by message makes a batch of each.
 */
export class BatchIndex {
  #offsets = new Float64Array(16)
  #positions = new Float64Array(16)
  #count = 0
  #end = 0

  get batchCount(): number {
    return this.#count
  }

  /** Bytes of all batches: where the next one begins. */
  get endPosition(): number {
    return this.#end
  }

  add(baseOffset: number, sizeBytes: number): void {
    if (this.#count === this.#offsets.length) {
      this.#offsets = doubled(this.#offsets)
      this.#positions = doubled(this.#positions)
    }
    this.#offsets[this.#count] = baseOffset
    this.#positions[this.#count] = this.#end
    this.#count += 1
    this.#end += sizeBytes
  }

  /** Index of the last batch whose base offset is not above `offset`; -1 if all are above. */
  find(offset: number): number {
    return lastNotAbove(this.#offsets, this.#count, offset)
  }

  position(batch: number): number {
    return batch < this.#count ? (this.#positions[batch] as number) : this.#end
  }

  /**
   * Position after the last whole batch that fits into `bytesMax` from batch `first` on. With
   * `isOneAtLeast` the first batch counts as fitting, however large.
   */
  endWithin(first: number, bytesMax: number, isOneAtLeast: boolean): number {
    const start = this.position(first)
    if (this.#end - start <= bytesMax) return this.#end
    // The batch that straddles the limit begins at or below it: everything before it fits.
    const straddling = lastNotAbove(this.#positions, this.#count, start + bytesMax)
    return this.position(isOneAtLeast ? Math.max(straddling, first + 1) : straddling)
  }
}

function lastNotAbove(values: Float64Array, count: number, limit: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] as number) <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}

function doubled(values: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(values.length * 2)
  larger.set(values)
  return larger
}
