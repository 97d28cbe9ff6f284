import { describe, expect, it } from '@jest/globals'
import { type TopicPartition, TroupeError } from '@troupe/core'
import type { Batch } from 'kafkajs'
import { BufferBudget } from './buffer-budget.ts'
import { recordingLog, until } from '../kafka.test.kit.ts'
import { PartitionLane } from './partition-lane.ts'
import type { Feed, LaneOptions, PartitionWork, ReceivedBatch } from './partition-work.ts'

const partition: TopicPartition = { topic: 'order.events', partition: 0 }

/** A batch as kafkajs hands it over: fetched at `from`, with records at these offsets, ending after `last`. */
function fetched(from: number, offsets: readonly number[], last = offsets.at(-1) ?? from, size = 1): Batch {
  return {
    ...partition,
    fetchedOffset: String(from),
    highWatermark: '1000',
    messages: offsets.map((offset) => ({
      offset: String(offset),
      key: null,
      value: Buffer.alloc(size),
      headers: {},
      timestamp: '0',
      attributes: 0,
    })),
    firstOffset: () => String(offsets[0] ?? from),
    lastOffset: () => String(last),
  } as unknown as Batch
}

class FakeFeed implements Feed {
  isPaused = false
  soughtTo: bigint[] = []
  ranges = [{ low: 0n, high: 1_000n }]
  asked = 0
  topicIds: (string | undefined)[] = [undefined]
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
  seek(_partition: TopicPartition, offset: bigint): void {
    this.soughtTo.push(offset)
  }
  topicIdOf(): Promise<string | undefined> {
    return Promise.resolve(this.topicIds.length > 1 ? this.topicIds.shift() : this.topicIds[0])
  }
  rangeOf(): Promise<{ low: bigint; high: bigint }> {
    this.asked += 1
    return Promise.resolve(
      (this.ranges.length > 1 ? this.ranges.shift() : this.ranges[0]) ?? { low: 0n, high: 0n },
    )
  }
}

interface SetUp extends Partial<LaneOptions> {
  readonly next?: bigint
  /** Kept beside `next`. */
  readonly topicId?: string
  readonly take?: PartitionWork['take']
  /** Of the brokers, one answer after the other. */
  readonly topicIds?: readonly string[]
}

function setUp(options: SetUp = {}) {
  const feed = new FakeFeed()
  feed.topicIds = [...(options.topicIds ?? [undefined])]
  const log = recordingLog()
  const batches: ReceivedBatch[] = []
  const events: string[] = []
  const lane = new PartitionLane({
    partition,
    feed,
    log,
    assign: (_partition, { id, replaces }) => {
      const startsOver = replaces !== undefined
      events.push(startsOver ? `assign ${id} for ${replaces}` : 'assign')
      return Promise.resolve({
        next: startsOver ? undefined : options.next,
        topicId: startsOver ? id : options.topicId,
        take: async (batch) => {
          await options.take?.(batch)
          batches.push(batch)
        },
        release: () => {
          events.push('release')
          return Promise.resolve()
        },
      })
    },
    inTurn: (task) => task(),
    onFailure: ({ kind }) => events.push(`${kind} failed`),
    after: Promise.resolve(),
    bufferBytesMax: 1_000,
    budget: new BufferBudget(1_000_000, () => undefined),
    batchRecordsMax: 100,
    onDataLoss: 'halt',
    gate: { hasGrown: () => Promise.resolve(false), pass: () => Promise.resolve() },
    ...options,
  })
  return { lane, feed, log, batches, events }
}

function stretches(batches: readonly ReceivedBatch[]): string[] {
  return batches.map(
    ({ from, to, records }) => `${from}-${to}: ${records.map(({ offset }) => offset).join(' ')}`,
  )
}

describe('a lane', () => {
  it('hands over nothing before it is claimed, and then reads from the position of its claim', async () => {
    const { lane, feed, batches } = setUp({ next: 5n })
    expect(lane.offer(fetched(3, [3, 4, 5]))).toBe(false)
    expect(feed.isPaused).toBe(true)
    await lane.ready
    expect(feed.soughtTo).toEqual([5n])
    expect(feed.isPaused).toBe(false)
    expect(lane.offer(fetched(5, [5, 6]))).toBe(true)
    await until('the take', () => batches.length === 1)
    expect(stretches(batches)).toEqual(['5-7: 5 6'])
    lane.finish()
    await lane.released
  })

  it('pauses when all lanes together hold too much, unless it holds nothing itself', async () => {
    let room = 0
    const budget = new BufferBudget(500, () => (room += 1))
    let end = (): void => undefined
    const taking = new Promise<void>((resolve) => {
      end = resolve
    })
    const { lane, feed, batches } = setUp({ next: 0n, budget, take: () => taking })
    await lane.ready
    budget.add(500)
    lane.look()
    expect(feed.isPaused).toBe(false)
    expect(lane.offer(fetched(0, [0]))).toBe(true)
    expect(feed.isPaused).toBe(true)
    budget.add(-500)
    expect(room).toBe(1)
    lane.look()
    expect(feed.isPaused).toBe(false)
    end()
    await until('the take', () => batches.length === 1)
    lane.finish()
    await lane.released
    budget.add(499)
    expect(budget.isSpent).toBe(false)
  })

  it('counts what it holds into what all lanes hold together, and gives it back when it is lost', async () => {
    const budget = new BufferBudget(500, () => undefined)
    let end = (): void => undefined
    const taking = new Promise<void>((resolve) => {
      end = resolve
    })
    const { lane } = setUp({ next: 0n, budget, take: () => taking })
    await lane.ready
    lane.offer(fetched(0, [0]))
    await until('the take', () => lane.state.waiting === 0)
    expect(budget.isSpent).toBe(false)
    lane.offer(fetched(1, [1], 1, 600))
    expect(budget.isSpent).toBe(true)
    lane.lose()
    end()
    await lane.released
    expect(budget.isSpent).toBe(false)
  })

  it('holds what was fetched while it was claimed, and takes it if it is due', async () => {
    const { lane, feed, batches } = setUp({ next: 5n })
    expect(lane.offer(fetched(5, [5, 6]))).toBe(false)
    expect(lane.offer(fetched(5, [5, 6]))).toBe(false)
    await lane.ready
    await until('the take', () => batches.length === 1)
    expect(stretches(batches)).toEqual(['5-7: 5 6'])
    expect(feed.soughtTo).toEqual([7n])
    expect(feed.isPaused).toBe(false)
    lane.finish()
    await lane.released
  })

  it('drops what was fetched elsewhere, and goes back', async () => {
    const { lane, feed, batches } = setUp({ next: 5n })
    await lane.ready
    expect(lane.offer(fetched(8, [8, 9]))).toBe(false)
    expect(feed.isPaused).toBe(true)
    await until('the way back', () => feed.soughtTo.length === 2)
    expect(feed.soughtTo).toEqual([5n, 5n])
    expect(lane.offer(fetched(5, [5]))).toBe(true)
    expect(lane.offer(fetched(3, [3, 4, 5, 6]))).toBe(false)
    await until('the take', () => batches.length === 1)
    lane.finish()
    await lane.released
    expect(stretches(batches)).toEqual(['5-6: 5'])
  })

  it('counts gaps and control records into its stretches', async () => {
    const { lane, batches } = setUp({ next: 0n })
    await lane.ready
    lane.offer(fetched(0, [2, 4], 6))
    await until('the first', () => batches.length === 1)
    lane.skipped(7n, 9n)
    await until('the skipped', () => batches.length === 2)
    expect(lane.offer(fetched(10, [10]))).toBe(true)
    await until('the last', () => batches.length === 3)
    expect(stretches(batches)).toEqual(['0-7: 2 4', '7-10: ', '10-11: 10'])
    lane.finish()
    await lane.released
  })

  it('believes in a skipped stretch beyond a gap only when it sees it again after going back', async () => {
    const { lane, feed, batches } = setUp({ next: 0n })
    await lane.ready
    lane.skipped(4n, 5n)
    expect(lane.offer(fetched(6, [6]))).toBe(false)
    await until('the way back', () => feed.soughtTo.length === 2 && !feed.isPaused)
    lane.skipped(4n, 5n)
    expect(lane.offer(fetched(6, [6]))).toBe(true)
    await until('the record', () => batches.some(({ records }) => records.length === 1))
    expect(batches.at(-1)?.to).toBe(7n)
    lane.finish()
    await lane.released
  })

  it('stops fetching while a buffer full is waiting', async () => {
    let goOn = (): void => undefined
    const { lane, feed, batches } = setUp({
      next: 0n,
      bufferBytesMax: 500,
      take: () =>
        new Promise((resolve) => {
          goOn = resolve
        }),
    })
    await lane.ready
    lane.offer(fetched(0, [0]))
    await until('the take', () => lane.state.waiting === 0)
    lane.offer(fetched(1, [1], 1, 600))
    expect(feed.isPaused).toBe(true)
    goOn()
    await until('the fetching', () => !feed.isPaused)
    goOn()
    await until('both', () => batches.length === 2)
    expect(stretches(batches)).toEqual(['0-1: 0', '1-2: 1'])
    lane.finish()
    await lane.released
  })

  it('merges what was fetched during a take, and hands over no more than the limit', async () => {
    let goOn = (): void => undefined
    const { lane, batches } = setUp({
      next: 0n,
      batchRecordsMax: 3,
      bufferBytesMax: 100_000,
      take: () =>
        new Promise((resolve) => {
          goOn = resolve
        }),
    })
    await lane.ready
    lane.offer(fetched(0, [0]))
    await until('the take', () => lane.state.waiting === 0)
    lane.offer(fetched(1, [1, 2]))
    lane.offer(fetched(3, [3, 4], 7))
    for (const count of [1, 2, 3]) {
      goOn()
      await until(`take ${count}`, () => batches.length === count)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(stretches(batches)).toEqual(['0-1: 0', '1-4: 1 2 3', '4-8: 4'])
    lane.finish()
    await lane.released
  })

  it('lets go when it is fenced, forgets what it had, and claims anew', async () => {
    let fence = (): void => undefined
    const { lane, feed, batches, events } = setUp({
      next: 0n,
      take: () =>
        events.includes('release')
          ? Promise.resolve()
          : new Promise((_resolve, reject) => {
              fence = () => reject(new TroupeError('TROUPE_FENCED', 'no longer ours'))
            }),
    })
    await lane.ready
    lane.offer(fetched(0, [0, 1]))
    await until('the take', () => lane.state.waiting === 0)
    lane.offer(fetched(2, [2, 3]))
    fence()
    await until('the second claim', () => feed.soughtTo.length === 2)
    expect(lane.state.waiting).toBe(0)
    lane.offer(fetched(0, [0, 1]))
    await until('the records', () => batches.length === 1)
    expect(stretches(batches)).toEqual(['0-2: 0 1'])
    expect(events).toEqual(['assign', 'release', 'assign'])
    lane.finish()
    await lane.released
    expect(events).toEqual(['assign', 'release', 'assign', 'release'])
  })

  it('claims anew when its work learns by itself that it is fenced, though nothing comes in', async () => {
    const fencing = new AbortController()
    const events: string[] = []
    const { lane, feed } = setUp({
      assign: () => {
        events.push('assign')
        const isFirst = events.length === 1
        return Promise.resolve({
          next: 0n,
          take: () => Promise.resolve(),
          release: () => Promise.resolve(void events.push('release')),
          ...(isFirst ? { fenced: fencing.signal } : {}),
        })
      },
    })
    await lane.ready
    fencing.abort()
    await until('the second claim', () => feed.soughtTo.length === 2)
    expect(events).toEqual(['assign', 'release', 'assign'])
    lane.finish()
    await lane.released
  })

  it('asks its work for room before it takes a turn among the partitions', async () => {
    let makeRoom = (): void => undefined
    const turns: string[] = []
    const { lane } = setUp({
      assign: () =>
        Promise.resolve({
          next: 0n,
          room: () => new Promise<void>((resolve) => (makeRoom = resolve)),
          take: () => Promise.resolve(void turns.push('take')),
          release: () => Promise.resolve(),
        }),
      inTurn: (task) => {
        turns.push('turn')
        return task()
      },
    })
    await lane.ready
    lane.offer(fetched(0, [0, 1]))
    await until('the question', () => lane.state.waiting === 0)
    expect(turns).toEqual([])
    makeRoom()
    await until('the take', () => turns.length === 2)
    expect(turns).toEqual(['turn', 'take'])
    lane.finish()
    await lane.released
  })

  it('goes back to where it was when the group assigns it again', async () => {
    const { lane, feed } = setUp({ next: 0n })
    await lane.ready
    lane.offer(fetched(0, [0, 1]))
    lane.keep()
    expect(feed.soughtTo).toEqual([0n, 2n])
    lane.finish()
    await lane.released
  })

  it('looks twice before it believes that its position is gone', async () => {
    const { lane, feed } = setUp({ next: 10n })
    feed.ranges = [
      { low: 0n, high: 4n },
      { low: 0n, high: 12n },
    ]
    await lane.ready
    expect(lane.state.phase).toBe('reading')
    expect(feed.asked).toBe(2)
    lane.finish()
    await lane.released
  })

  it('failure 28: halts on an offset of a topic that was made again, though the new one has that offset too', async () => {
    const { lane, feed, log } = setUp({ next: 10n, topicId: 'old', topicIds: ['new'] })
    await lane.ready
    expect(lane.state.phase).toBe('halted')
    expect(lane.state.failure?.message).toMatch(
      /^order\.events was deleted and made again .* 10 was due of the topic with id old, .* has id new\..* until a person/,
    )
    expect(feed.isPaused).toBe(true)
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    lane.finish()
    await lane.released
  })

  it('failure 28: begins such a topic anew where data loss is skipped, when what waits is settled', async () => {
    let isTaking = false
    let goOn = (): void => undefined
    const { lane, events, batches } = setUp({
      next: 10n,
      topicId: 'old',
      // Of the claim, of the look at its place, and of two looks after the rebalance.
      topicIds: ['old', 'old', 'new'],
      onDataLoss: 'skip',
      take: ({ from }) => {
        if (isTaking || from !== 10n) return Promise.resolve()
        isTaking = true
        return new Promise<void>((resolve) => (goOn = resolve))
      },
    })
    await lane.ready
    lane.offer(fetched(10, [10]))
    await until('the take', () => isTaking)
    lane.offer(fetched(11, [11]))
    lane.keep()
    await until('the news', () => events.includes('position failed'))
    expect(lane.offer(fetched(12, [12]))).toBe(false)
    goOn()
    await until('the new topic', () => lane.state.phase === 'reading')
    lane.offer(fetched(0, [0, 1]))
    await until('its records', () => batches.length === 3)
    expect(stretches(batches)).toEqual(['10-11: 10', '11-12: 11', '0-2: 0 1'])
    expect(events).toEqual(['assign', 'position failed', 'release', 'assign new for old'])
    lane.finish()
    await lane.released
  })

  it('looks twice before it believes that its topic is another one', async () => {
    const { lane } = setUp({ next: 10n, topicId: 'a', topicIds: ['a', 'b', 'a'] })
    await lane.ready
    expect(lane.state.phase).toBe('reading')
    lane.finish()
    await lane.released
  })

  it('takes whatever topic there is where it has read nothing', async () => {
    const { lane, log, events } = setUp({ topicId: 'old', topicIds: ['new'] })
    await until('the topic', () => lane.state.phase === 'reading')
    expect(events).toEqual(['assign', 'release', 'assign new for old'])
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
    lane.finish()
    await lane.released
  })

  it('begins at the first record that is there, if it never read any', async () => {
    const { lane, feed } = setUp({})
    feed.ranges = [{ low: 42n, high: 50n }]
    await lane.ready
    expect(feed.soughtTo).toEqual([42n])
    expect(lane.state.position).toBe(42n)
    lane.finish()
    await lane.released
  })

  it('ends a halt only by letting go', async () => {
    const { lane, feed, log, events } = setUp({ next: 99n })
    feed.ranges = [{ low: 0n, high: 4n }]
    await lane.ready
    expect(lane.state.phase).toBe('halted')
    expect(feed.isPaused).toBe(true)
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    lane.lose()
    await lane.released
    expect(events).toEqual(['assign', 'position failed', 'release'])
  })

  it('aborts what is under way when it is lost, and releases after it', async () => {
    const order: string[] = []
    const { lane, events } = setUp({
      next: 0n,
      take: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            order.push('aborted')
            reject(new Error('aborted'))
          })
        }),
    })
    await lane.ready
    lane.offer(fetched(0, [0]))
    await until('the take', () => lane.state.waiting === 0)
    lane.lose()
    await lane.released
    expect(order).toEqual(['aborted'])
    expect(events).toEqual(['assign', 'release'])
  })

  it('waits for the lane before it', async () => {
    let isReleased = (): void => undefined
    const { lane, events } = setUp({
      after: new Promise<void>((resolve) => {
        isReleased = resolve
      }),
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(events).toEqual([])
    isReleased()
    await lane.ready
    expect(events).toEqual(['assign'])
    lane.finish()
    await lane.released
  })
})
