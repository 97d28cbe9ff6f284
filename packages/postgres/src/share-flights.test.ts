import { describe, expect, it } from '@jest/globals'
import { TroupeError } from '@troupe/core'
import { shareFlights } from './share-flights.ts'

/** Flights that land when they are told to. */
function airfield({
  fits = () => true,
}: {
  readonly fits?: (item: string, aboard: readonly string[]) => boolean
} = {}) {
  const flights: { readonly items: readonly string[]; land(): void; fail(error: unknown): void }[] = []
  const waiters: (() => void)[] = []
  const request = shareFlights<string, string>({
    rowsOf: (item) => (item.startsWith('large') ? 1_000 : 1),
    fits,
    fly: (items) =>
      new Promise((resolve, reject) => {
        flights.push({ items, land: () => resolve(items.map((item) => `${item} done`)), fail: reject })
        for (const wake of waiters.splice(0)) wake()
      }),
  })
  const started = async (count: number) => {
    while (flights.length < count) await new Promise<void>((resolve) => waiters.push(resolve))
    return flights.map(({ items }) => items)
  }
  return { request, flights, started }
}

describe('sharing flights', () => {
  it('carries together what is due in one turn of the event loop, and lets it wait no longer', async () => {
    const { request, flights } = airfield()
    void request('first')
    void Promise.resolve().then(() => request('second'))
    expect(flights).toHaveLength(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(flights.map(({ items }) => items)).toEqual([['first', 'second']])
  })

  it('carries together what came while one was under way, and answers each for itself', async () => {
    const { request, flights, started } = airfield()
    const first = request('first')
    await started(1)
    const others = Promise.all([request('second'), request('third')])
    flights[0]?.land()
    expect(await first).toBe('first done')
    expect(await started(2)).toEqual([['first'], ['second', 'third']])
    flights[1]?.land()
    expect(await others).toEqual(['second done', 'third done'])
  })

  it('does not let others wait for ever for a flight that does not land', async () => {
    const { request, flights, started } = airfield()
    void request('blocked')
    await started(1)
    const second = request('second')
    expect(await started(2)).toEqual([['blocked'], ['second']])
    flights[1]?.land()
    expect(await second).toBe('second done')
  })

  it('lets what is large fly at once, alone', async () => {
    const { request, started } = airfield()
    void request('first')
    void request('large')
    expect(await started(2)).toEqual([['large'], ['first']])
  })

  it('leaves for the next flight whatever must not share one', async () => {
    const { request, flights, started } = airfield({
      fits: (item, aboard) => !aboard.includes(`not ${item}`),
    })
    void request('first')
    await started(1)
    void request('not second')
    void request('second')
    void request('third')
    flights[0]?.land()
    await started(2)
    flights[1]?.land()
    expect(await started(3)).toEqual([['first'], ['not second', 'third'], ['second']])
  })

  it('tries each alone if a shared flight is refused, so that the guilty one fails alone', async () => {
    const { request, flights, started } = airfield()
    void request('first')
    await started(1)
    const good = request('good')
    const guilty = request('guilty')
    flights[0]?.land()
    await started(2)
    flights[1]?.fail(new TroupeError('TROUPE_FENCED', 'another owner'))
    expect((await started(4)).slice(2)).toEqual([['good'], ['guilty']])
    flights[2]?.land()
    flights[3]?.fail(new TroupeError('TROUPE_FENCED', 'another owner'))
    expect(await good).toBe('good done')
    await expect(guilty).rejects.toMatchObject({ code: 'TROUPE_FENCED' })
  })

  it('tells all of them that the outcome is unknown, and tries none again', async () => {
    const { request, flights, started } = airfield()
    void request('first')
    await started(1)
    const others = Promise.allSettled([request('second'), request('third')])
    flights[0]?.land()
    await started(2)
    flights[1]?.fail(new TroupeError('TROUPE_DATABASE_UNREACHABLE', 'no answer'))
    expect((await others).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(flights).toHaveLength(2)
  })
})
