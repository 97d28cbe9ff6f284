import type { RawRecord } from '@troupe/core'
import type { BufferBudget } from './buffer-budget.ts'
import { sizeOf } from './received.ts'

/** The records of one partition that wait in memory; tells the receiver's budget of every change. */
export class WaitingRecords {
  readonly #budget: Pick<BufferBudget, 'add'>
  #records: RawRecord[] = []
  #bytes = 0

  constructor(budget: Pick<BufferBudget, 'add'>) {
    this.#budget = budget
  }

  get count(): number {
    return this.#records.length
  }

  get bytes(): number {
    return this.#bytes
  }

  add(records: Iterable<RawRecord>): void {
    let bytes = this.#bytes
    for (const record of records) {
      this.#records.push(record)
      bytes += sizeOf(record)
    }
    this.#hold(bytes)
  }

  /** The oldest, at most this many, which wait no longer. */
  take(countMax: number): readonly RawRecord[] {
    if (this.#records.length <= countMax) return this.clear()
    const taken = this.#records.slice(0, countMax)
    this.#records = this.#records.slice(countMax)
    this.#hold(this.#records.reduce((bytes, record) => bytes + sizeOf(record), 0))
    return taken
  }

  clear(): readonly RawRecord[] {
    const taken = this.#records
    this.#records = []
    this.#hold(0)
    return taken
  }

  #hold(bytes: number): void {
    const more = bytes - this.#bytes
    this.#bytes = bytes
    this.#budget.add(more)
  }
}
