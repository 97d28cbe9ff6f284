import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { setImmediate as turn } from 'node:timers/promises'
import { createLocks } from './locks.ts'

/** Nobody calls anything off. */
const never = new AbortController().signal

describe('locks', () => {
  it('lets holders of different names go on side by side', async () => {
    const locks = createLocks()
    const first = await locks.acquire(['a'], never)
    const second = await locks.acquire(['b'], never)
    first()
    second()
  })

  it('hands a name over in the order in which it was asked for', async () => {
    const locks = createLocks()
    const order: number[] = []
    const release = await locks.acquire(['a'], never)
    const waiting = [1, 2, 3].map((n) => locks.acquire(['a'], never).then((done) => (order.push(n), done())))
    release()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
  })

  it('takes a repeated name once, and a second release for nothing', async () => {
    const locks = createLocks()
    const release = await locks.acquire(['a', 'a'], never)
    const next = locks.acquire(['a'], never)
    release()
    release()
    const releaseNext = await next
    let isThird = false
    const third = locks.acquire(['a'], never).then((done) => {
      isThird = true
      done()
    })
    await turn()
    expect(isThird).toBe(false)
    releaseNext()
    await third
  })

  it('never lets two hold one name, and never lets holders wait for each other', async () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(fc.array(names, { minLength: 2, maxLength: 20 }), async (wishes) => {
        const locks = createLocks()
        const held = new Set<string>()
        await Promise.all(
          wishes.map(async (wish) => {
            const release = await locks.acquire(wish, never)
            for (const name of wish) {
              expect(held.has(name)).toBe(false)
              held.add(name)
            }
            await turn()
            for (const name of wish) held.delete(name)
            release()
          }),
        )
        expect(held.size).toBe(0)
      }),
    )
  })

  it('lets whoever is called off go at once, and hands on what it had', async () => {
    const locks = createLocks()
    const callOff = new AbortController()
    const releaseB = await locks.acquire(['b'], never)
    const givenUp = locks.acquire(['a', 'b'], callOff.signal)
    const after = locks.acquire(['a'], never)
    callOff.abort()
    await expect(givenUp).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    const releaseA = await after
    releaseA()
    releaseB()
    const all = await locks.acquire(['a', 'b'], never)
    all()
  })

  it('hands nothing to whoever was called off in the moment of its turn', async () => {
    const locks = createLocks()
    const callOff = new AbortController()
    const release = await locks.acquire(['a'], never)
    const givenUp = locks.acquire(['a'], callOff.signal)
    const next = locks.acquire(['a'], never)
    release()
    callOff.abort()
    await expect(givenUp).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    const releaseNext = await next
    releaseNext()
  })

  it('keeps what it handed out, whatever is called off later', async () => {
    const locks = createLocks()
    const callOff = new AbortController()
    const first = await locks.acquire(['a'], never)
    const second = locks.acquire(['a'], callOff.signal)
    first()
    const releaseSecond = await second
    callOff.abort()
    let isThird = false
    const third = locks.acquire(['a'], never).then((done) => {
      isThird = true
      done()
    })
    await turn()
    expect(isThird).toBe(false)
    releaseSecond()
    await third
  })
})
