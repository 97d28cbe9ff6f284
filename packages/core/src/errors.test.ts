import { describe, expect, it } from '@jest/globals'
import { isTroupeError, messageOf, sayable, TroupeError } from './errors.ts'

describe('a TroupeError', () => {
  it('carries its code, its details and its cause', () => {
    const cause = new Error('disk full')
    const error = new TroupeError('TROUPE_CONFLICT', 'Somebody was faster.', {
      cause,
      details: { step: 's' },
    })
    expect(error).toMatchObject({
      name: 'TroupeError',
      code: 'TROUPE_CONFLICT',
      message: 'Somebody was faster.',
      cause,
      details: { step: 's' },
    })
    expect(new TroupeError('TROUPE_CONFLICT', 'Again.').details).toEqual({})
    expect('cause' in new TroupeError('TROUPE_CONFLICT', 'Again.')).toBe(false)
  })

  it('is recognised by its brand, of whichever copy of the package it is', () => {
    const foreign = Object.defineProperty(new Error('x'), Symbol.for('troupe.error'), { value: true })
    expect(isTroupeError(foreign)).toBe(true)
    expect(isTroupeError(new TroupeError('TROUPE_FENCED', 'x'), 'TROUPE_FENCED')).toBe(true)
    expect(isTroupeError(new TroupeError('TROUPE_FENCED', 'x'), 'TROUPE_CONFLICT')).toBe(false)
    expect([new Error('x'), null, undefined, 'TROUPE_FENCED', {}].map((one) => isTroupeError(one))).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
  })

  it('does not show its brand to those who copy or print it', () => {
    expect(Object.keys(new TroupeError('TROUPE_FENCED', 'x'))).toEqual(['name', 'code', 'details'])
  })
})

describe('the message of what was thrown', () => {
  it.each([
    [new Error('it broke'), 'it broke'],
    [{ message: 'nearly an error' }, 'nearly an error'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [{ message: 42 }, '[object Object]'],
    [Object.create(null), 'something that cannot be printed'],
  ])('of %p is %p', (thrown, message) => {
    expect(messageOf(thrown)).toBe(message)
  })
})

describe('what can be said of what was thrown', () => {
  it('is itself, wherever it can be looked at', () => {
    const circle = new Error('round')
    circle.cause = circle
    for (const thrown of ['text', undefined, Object.freeze(new Error('frozen')), circle])
      expect(sayable(thrown)).toBe(thrown)
  })

  it('is its message where reading it throws', () => {
    const thrown = Object.defineProperty(new Error('no card'), 'stack', {
      get() {
        throw new Error('no')
      },
    })
    expect(sayable(thrown)).toEqual(new Error('no card'))
  })
})
