import { describe, expect, it } from '@jest/globals'
import { withoutRepetition } from './run.ts'

describe('an error in the log', () => {
  it('has its own message, and not those of its causes once more', () => {
    const error = new Error('outer', { cause: new Error('inner') })
    expect(withoutRepetition(error)).toMatchObject({
      type: 'Error',
      message: 'outer',
      stack: expect.stringMatching(/inner/),
    })
  })

  it('may be frozen, or have a cause that is', () => {
    const frozen = Object.freeze(new TypeError('frozen'))
    expect(withoutRepetition(frozen)).toMatchObject({ type: 'TypeError', message: 'frozen' })
    expect(withoutRepetition(new Error('outer', { cause: frozen }))).toMatchObject({ message: 'outer' })
  })

  it('may be anything else', () => {
    expect([undefined, 'text', { code: 1 }].map(withoutRepetition)).toEqual([undefined, 'text', { code: 1 }])
  })
})
