import { runInNewContext } from 'node:vm'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { literal, quote } from './write-literal.ts'

describe('a literal', () => {
  it('stands for the same value, whatever it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const made: unknown = runInNewContext(`(${literal(value, '', 0)})`)
        // Through JSON on both sides: it writes -0 as 0.
        expect(JSON.stringify(made)).toBe(JSON.stringify(value))
      }),
    )
  })

  it('keeps a key that would set a prototype', () => {
    const value = JSON.parse('{"__proto__":{"a":1}}') as object
    expect(JSON.stringify(runInNewContext(`(${literal(value, '', 0)})`))).toBe('{"__proto__":{"a":1}}')
  })

  it('is broken into lines where it is too long', () => {
    const value = { name: 'x'.repeat(60), list: ['y'.repeat(60), 1] }
    expect(literal(value, '', 0)).toBe(`{\n  name: '${value.name}',\n  list: ['${value.list[0]}', 1],\n}`)
  })

  it.each([
    [`it's`, `"it's"`],
    ['say "so"', `'say "so"'`],
    [`it's "so"`, `"it's \\"so\\""`],
    ['back\\slash "', `'back\\\\slash "'`],
  ])('quotes %s as TypeScript does', (text, quoted) => {
    expect(quote(text)).toBe(quoted)
  })
})
