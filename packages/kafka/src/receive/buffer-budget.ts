/**
 * What all partitions of one receiver may hold in memory together, in bytes.
 *
 * Invariant: `held` is the sum of what the lanes say they hold; a lane that lets go says so.
 */
export class BufferBudget {
  readonly #bytesMax: number
  readonly #onRoom: () => void
  #held = 0

  /** `onRoom` is told when there is room again after there was none. */
  constructor(bytesMax: number, onRoom: () => void) {
    this.#bytesMax = bytesMax
    this.#onRoom = onRoom
  }

  get isSpent(): boolean {
    return this.#held >= this.#bytesMax
  }

  /** A lane holds this many bytes more, or fewer if negative. */
  add(bytes: number): void {
    const wasSpent = this.isSpent
    this.#held += bytes
    if (wasSpent && !this.isSpent) this.#onRoom()
  }
}
