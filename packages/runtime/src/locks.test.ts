import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { setImmediate as turn } from 'node:timers/promises'
import { createLocks } from './locks.ts'

describe('locks', () => {
  it('lets holders of different names go on side by side', async () => {
    const locks = createLocks()
    const first = await locks.acquire(['a'])
    const second = await locks.acquire(['b'])
    first()
    second()
  })

  it('hands a name over in the order in which it was asked for', async () => {
    const locks = createLocks()
    const order: number[] = []
    const release = await locks.acquire(['a'])
    const waiting = [1, 2, 3].map((n) => locks.acquire(['a']).then((done) => (order.push(n), done())))
    release()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
  })

  it('takes a repeated name once, and a second release for nothing', async () => {
    const locks = createLocks()
    const release = await locks.acquire(['a', 'a'])
    const next = locks.acquire(['a'])
    release()
    release()
    const releaseNext = await next
    let isThird = false
    const third = locks.acquire(['a']).then((done) => {
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
            const release = await locks.acquire(wish)
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
})
