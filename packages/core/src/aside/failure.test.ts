import { describe, expect, it } from '@jest/globals'
import { TroupeError } from '../errors.ts'
import { failureOf } from './failure.ts'

const groupOf = (error: unknown, reaction = 'charge') => failureOf(error, reaction).group

describe('what is kept of a failure', () => {
  it.each([
    ['an error', new TypeError('no card'), 'TROUPE_REACTION_FAILED', 'no card'],
    [
      'one of ours',
      new TroupeError('TROUPE_EVENT_INVALID', 'no amount'),
      'TROUPE_EVENT_INVALID',
      'no amount',
    ],
    ['a string', 'gateway said no', 'TROUPE_REACTION_FAILED', 'gateway said no'],
    ['nothing at all', undefined, 'TROUPE_REACTION_FAILED', 'undefined'],
  ])('is what was said, if %s was thrown', (_what, error, code, message) => {
    expect(failureOf(error, 'charge')).toMatchObject({ reaction: 'charge', code, message })
  })

  it('is cut to size, and text that any database keeps and any header carries', () => {
    const error = new Error(`\0${'🎭'.repeat(2_000)}`)
    error.stack = 'x'.repeat(10_000)
    const { message, stack } = failureOf(error, 'charge')
    expect(message).toHaveLength(2_000)
    expect(message).not.toMatch(/\0|\p{Surrogate}/u)
    expect(stack).toHaveLength(4_000)
  })

  it.each<[string, () => unknown]>([
    [
      'a message',
      () => ({
        get message() {
          throw new Error('no')
        },
      }),
    ],
    [
      'a stack',
      () =>
        Object.defineProperty(new Error('x'), 'stack', {
          get() {
            throw new Error('no')
          },
        }),
    ],
    [
      'a name',
      () =>
        Object.defineProperty(new Error('x'), 'name', {
          get() {
            throw new Error('no')
          },
        }),
    ],
    [
      'a field of a cause',
      () =>
        new Error('x', {
          cause: {
            get sql() {
              throw new Error('no')
            },
          },
        }),
    ],
  ])('is kept as well of what throws when one reads %s of it', (_what, thrown) => {
    expect(failureOf(thrown(), 'charge')).toMatchObject({ code: 'TROUPE_REACTION_FAILED' })
  })

  it('is kept of a proxy that nobody may look at, of causes in a circle, and of causes without end', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const circle = new Error('round')
    circle.cause = circle
    let endless = new Error('deepest')
    for (let depth = 0; depth < 10_000; depth++) endless = new Error('deep', { cause: endless })
    expect([proxy, circle, endless].map((thrown) => failureOf(thrown, 'charge').message)).toEqual([
      'something that cannot be printed',
      'round',
      'deep',
    ])
  })

  it('of a message of nothing but line ends takes no longer than that of another', () => {
    expect(failureOf(new Error('\n'.repeat(1_000_000)), 'charge').message).toHaveLength(2_000)
  })

  it('has one group for failures that differ in numbers and ids only', () => {
    const one = groupOf(new Error('order 17 of 0190b5e2-7c1f-4b2e-9d1a-2f6b8c3d4e5f has 3 items'))
    const other = groupOf(new Error('order 18 of 1190b5e2-7c1f-4b2e-9d1a-2f6b8c3d4e50 has 2 items'))
    expect(other).toBe(one)
    expect(one).toMatch(/^charge-[0-9a-f]{12}$/)
  })

  it('tells other words, other errors and other reactions apart', () => {
    const groups = [
      groupOf(new Error('no card')),
      groupOf(new Error('no money')),
      groupOf(new TypeError('no card')),
      groupOf(new TroupeError('TROUPE_EVENT_INVALID', 'no card')),
      groupOf(new Error('no card'), 'refund'),
      failureOf(new Error('no card'), undefined).group,
    ]
    expect(new Set(groups).size).toBe(groups.length)
  })

  it('goes by the function that threw where nothing is said', () => {
    const thrownIn = (name: string, line: number) => {
      const error = new Error('')
      error.stack = `Error\n    at ${name} (file:///app/charge.js:${line}:5)`
      return groupOf(error)
    }
    expect(thrownIn('charge', 10)).toBe(thrownIn('charge', 11))
    expect(thrownIn('charge', 10)).not.toBe(thrownIn('refund', 10))
  })
})
