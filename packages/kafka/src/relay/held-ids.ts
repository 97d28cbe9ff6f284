/**
 * Which outbox records this process has in hand, so that a drain of leftovers leaves them alone.
 *
 * Invariants
 * 1. An id is in at most one of: underway, published, taken, refused.
 * 2. underway → published → taken → gone (deleted) | published (restored); underway → refused.
 * 3. An id that is gone is remembered for a while longer: a drain may have read the outbox just before the
 *    delete. It does not keep the id from being pushed anew, as a replay may want.
 */
export class HeldIds {
  readonly #underway = new Set<string>()
  #published = new Set<string>()
  readonly #taken = new Set<string>()
  readonly #refused = new Set<string>()
  /** Two generations: the younger one is filled while the older one is still remembered. */
  #gone = new Set<string>()
  #goneBefore = new Set<string>()

  get publishedCount(): number {
    return this.#published.size
  }

  /** False if it is in hand already. */
  begin(id: string): boolean {
    if (this.#isInHand(id)) return false
    this.#underway.add(id)
    return true
  }

  publish(id: string): void {
    this.#underway.delete(id)
    this.#published.add(id)
  }

  refuse(id: string): void {
    this.#underway.delete(id)
    this.#refused.add(id)
  }

  take(): string[] {
    const ids = [...this.#published]
    this.#published = new Set()
    for (const id of ids) this.#taken.add(id)
    return ids
  }

  restore(ids: readonly string[]): void {
    for (const id of ids) if (this.#taken.delete(id)) this.#published.add(id)
  }

  forget(ids: readonly string[]): void {
    for (const id of ids) {
      this.#taken.delete(id)
      this.#gone.add(id)
    }
    if (this.#gone.size < goneMax) return
    this.#goneBefore = this.#gone
    this.#gone = new Set()
  }

  has(id: string): boolean {
    return this.#isInHand(id) || this.#gone.has(id) || this.#goneBefore.has(id)
  }

  #isInHand(id: string): boolean {
    return this.#underway.has(id) || this.#published.has(id) || this.#taken.has(id) || this.#refused.has(id)
  }
}

/** At least so many are remembered, and about twice as many at most. */
const goneMax = 10_000
