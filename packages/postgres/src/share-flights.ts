// Work of one moment shares a round trip and a transaction.
//
// Every flight costs the same few messages, the same statements and one commit, whether it carries one row
// or a hundred. A service whose partitions each have a little to write is mostly busy with that.
//
// Invariants
// 1. While nothing is under way, what is due in one turn of the event loop flies together at its end: an answer
//    of Kafka's holds records of several partitions. Nobody waits longer than `patienceMs` for somebody else's
//    flight: who waits for a lock in the database holds back only those who are aboard.
// 2. What is large flies at once, alone.
// 3. Those aboard have one fate only where it cannot be helped. If the database refuses a shared flight,
//    nothing of it was written: each flies again, alone, and is answered for itself.

import { isTroupeError } from '@troupe/core'

export interface SharedFlights<Item, Result> {
  /** Flies a few items together; the results are in their order. */
  fly(items: readonly Item[]): Promise<readonly Result[]>
  /** How much an item carries. */
  rowsOf(item: Item): number
  /** Whether an item may fly with those that are aboard. */
  fits(item: Item, aboard: readonly Item[]): boolean
}

interface Passenger<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/** More than this flies alone: it gains little, and would keep others waiting. */
const rowsMax = 500
const patienceMs = 20

/** How to fly one item: with whatever else is due. */
export function shareFlights<Item, Result>({
  fly,
  rowsOf,
  fits,
}: SharedFlights<Item, Result>): (item: Item) => Promise<Result> {
  let waiting: Passenger<Item, Result>[] = []
  let underWay = 0
  let isBoarding = false
  let impatience: NodeJS.Timeout | undefined

  function call(): void {
    if (isBoarding) return
    isBoarding = true
    setImmediate(depart)
  }

  function depart(): void {
    isBoarding = false
    clearTimeout(impatience)
    impatience = undefined
    const aboard = board()
    if (aboard.length === 0) return
    underWay += 1
    void flyTogether(aboard).finally(() => {
      underWay -= 1
      if (waiting.length > 0) call()
    })
    if (waiting.length > 0) impatience = setTimeout(call, patienceMs)
  }

  function board(): Passenger<Item, Result>[] {
    const aboard: Passenger<Item, Result>[] = []
    const items: Item[] = []
    const left: Passenger<Item, Result>[] = []
    let rows = 0
    for (const passenger of waiting) {
      const more = rowsOf(passenger.item)
      if (items.length > 0 && (rows + more > rowsMax || !fits(passenger.item, items))) {
        left.push(passenger)
        continue
      }
      rows += more
      aboard.push(passenger)
      items.push(passenger.item)
    }
    waiting = left
    return aboard
  }

  async function flyTogether(aboard: readonly Passenger<Item, Result>[]): Promise<void> {
    try {
      const results = await fly(aboard.map(({ item }) => item))
      for (const [place, { resolve }] of aboard.entries()) resolve(results[place] as Result)
    } catch (error) {
      const isEverybodys =
        isTroupeError(error, 'TROUPE_DATABASE_UNREACHABLE') || isTroupeError(error, 'TROUPE_STOPPED')
      if (aboard.length === 1 || isEverybodys) for (const { reject } of aboard) reject(error)
      else await Promise.all(aboard.map((one) => flyTogether([one])))
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      const passenger = { item, resolve, reject }
      if (rowsOf(item) > rowsMax) {
        void flyTogether([passenger])
        return
      }
      waiting.push(passenger)
      if (underWay === 0) call()
      else if (!isBoarding) impatience ??= setTimeout(call, patienceMs)
    })
}
