import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { createPatience } from './patience.ts'

function patienceAt(waitMs: number) {
  let nowMs = 1_000
  const patience = createPatience({ waitMs, now: () => nowMs })
  return { patience, pass: (ms: number) => void (nowMs += ms) }
}

describe('patience with a schema that is missing', () => {
  it('lasts as long as was said from the first denial on, and does not come back at once', () => {
    const { patience, pass } = patienceAt(30_000)
    const answers = Array.from({ length: 35 }, () => {
      const isLeft = patience.isLeft()
      pass(1_000)
      return isLeft
    })
    expect(answers).toEqual([
      ...Array.from({ length: 30 }, () => true),
      ...Array.from({ length: 5 }, () => false),
    ])
    pass(294_000)
    expect(patience.isLeft()).toBe(false)
    pass(1_000)
    expect(patience.isLeft()).toBe(true)
  })

  it('is restored when a schema turned up', () => {
    const { patience, pass } = patienceAt(1_000)
    for (let n = 0; n < 4; n++) patience.isLeft()
    pass(1_000)
    expect(patience.isLeft()).toBe(false)
    patience.restore()
    expect(patience.isLeft()).toBe(true)
  })

  it('does not take the time in which the process stood still for waiting', () => {
    const { patience, pass } = patienceAt(30_000)
    expect(patience.isLeft()).toBe(true)
    pass(100_000)
    expect([1, 2, 3].map(() => patience.isLeft())).toEqual([true, true, false])
  })

  it('is none if nothing was to be waited for', () => {
    expect(patienceAt(0).patience.isLeft()).toBe(false)
  })

  it('takes at most one eleventh of all time, whatever comes in whatever rhythm', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 10, max: 2_000 }), { minLength: 200, maxLength: 400 }),
        (gaps) => {
          const { patience, pass } = patienceAt(1_000)
          let [waited, total] = [0, 0]
          for (const gap of gaps) {
            if (patience.isLeft()) waited += gap
            total += gap
            pass(gap)
          }
          // The first and the last wait count whole, and each begins and ends between two denials.
          const waits = Math.ceil(total / 11_000) + 1
          expect(waited).toBeLessThanOrEqual(waits * (1_000 + 3 * 2_000))
        },
      ),
    )
  })
})
