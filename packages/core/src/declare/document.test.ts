import { describe, expect, it } from '@jest/globals'
import { document, documentName } from './document.ts'
import { refusal } from '../fixtures.test.kit.ts'
import { nameLengthMax } from './name.ts'

const stock = document({ name: 'stock', initial: (key) => ({ sku: key, free: 0 }) })

describe('a kind of document', () => {
  it('names one document when called, and reads nothing', () => {
    expect(stock('book')).toEqual({ document: stock, kind: 'stock', key: 'book' })
    expect(documentName(stock('a/b'))).toBe('stock/a/b')
    expect(stock.initial('book')).toEqual({ sku: 'book', free: 0 })
  })

  it.each(['a', 'opening-hours', 'v2', 'x'.repeat(63)])('may be named %s', (name) => {
    expect(document({ name, initial: () => ({}) }).kind).toBe(name)
  })

  it.each(['', 'Stock', '2nd', 'a b', 'a/b', 'ключ', 'x'.repeat(64)])('may not be named %p', (name) => {
    const error = refusal(() => document({ name, initial: () => ({}) }))
    expect(error.code).toBe('TROUPE_DECLARATION_INVALID')
    expect(error.message).toContain(`"${name}"`)
  })

  it.each(['', 'x'.repeat(nameLengthMax + 1), 'a\0', '\uD800'])('refuses the key %p', (key) => {
    const error = refusal(() => stock(key))
    expect(error.code).toBe('TROUPE_DOCUMENT_INVALID')
    expect(error.message.length).toBeLessThan(300)
  })

  it('trusts what is stored unless it is told how to read it', () => {
    const stored = { anything: true }
    expect(stock.parse(stored, 'book')).toBe(stored)
  })

  it('reads what is stored by its parse, and says which document did not fit', () => {
    const strict = document({
      name: 'strict',
      initial: () => ({ free: 0 }),
      parse(stored) {
        if (typeof (stored as { free?: unknown }).free !== 'number') throw new Error('free is no number.')
        return { free: (stored as { free: number }).free }
      },
    })
    expect(strict.parse({ free: 1, old: true }, 'book')).toEqual({ free: 1 })
    const error = refusal(() => strict.parse({ free: 'many' }, 'book'))
    expect(error).toMatchObject({
      code: 'TROUPE_DOCUMENT_INVALID',
      details: { kind: 'strict', key: 'book' },
      cause: { message: 'free is no number.' },
    })
    expect(error.message).toContain('strict/book does not fit its type: free is no number.')
  })
})
