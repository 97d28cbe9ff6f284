import { describe, expect, it } from '@jest/globals'
import { createStatementNames } from './statement-names.ts'

describe('the names of a service’s own statements', () => {
  it('are given to texts that were run twice, each its own, for good', () => {
    const names = createStatementNames()
    for (const text of ['one', 'other']) {
      names.ran(text)
      expect(names.of(text)).toBeUndefined()
    }
    for (const text of ['one', 'other', 'one']) names.ran(text)
    expect([names.of('one'), names.of('other'), names.of('never')]).toEqual(['own 1', 'own 2', undefined])
  })

  it('are a hundred at most, and no text is looked for longer than for the next two hundred', () => {
    const names = createStatementNames()
    const run = (count: number, of: (n: number) => string) => {
      for (let n = 1; n <= count; n += 1) names.ran(of(n))
    }
    names.ran('rare')
    run(200, (n) => `SELECT ${n}`)
    names.ran('rare')
    expect(names.of('rare')).toBeUndefined()
    run(150, (n) => `SELECT ${n + 100}`)
    expect([names.of('SELECT 101'), names.of('SELECT 200'), names.of('SELECT 201')]).toEqual([
      'own 1',
      'own 100',
      undefined,
    ])
    run(300, (n) => (n % 2 === 0 ? 'late' : 'later'))
    expect(names.of('late')).toBeUndefined()
  })

  it('are not given to what is too long to be kept', () => {
    const names = createStatementNames()
    const text = 'x'.repeat(10_001)
    for (let n = 1; n <= 3; n += 1) names.ran(text)
    expect(names.of(text)).toBeUndefined()
  })
})
