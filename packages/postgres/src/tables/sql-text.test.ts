import { describe, expect, it } from '@jest/globals'
import type { SqlValue } from '@troupe/core'
import { checked, fromTemplate } from './sql-text.ts'

const sql = (texts: TemplateStringsArray, ...values: SqlValue[]) => fromTemplate(texts, values)

describe('a statement of a template', () => {
  it('has parameters where something stands between its texts, whatever it is', () => {
    const evil = `'; DROP TABLE stock; --`
    expect(sql`UPDATE stock SET free = ${1} WHERE sku = ${evil}`).toEqual({
      text: 'UPDATE stock SET free = $1 WHERE sku = $2',
      values: [1, evil],
    })
    expect(sql`SELECT 1`).toEqual({ text: 'SELECT 1', values: [] })
  })

  it('is no string that somebody has put together', () => {
    const called = sql as unknown as (text: string) => unknown
    expect(() => called('SELECT 1')).toThrow(/backticks/)
  })

  it('has no parameter that is undefined', () => {
    expect(() => sql`SELECT ${1}, ${undefined as never}`).toThrow(/Parameter 2 is undefined/)
  })
})

describe('a statement about the transaction or the session', () => {
  it.each([
    'COMMIT',
    'commit and chain',
    ' \n\tEND;',
    '-- a remark\nROLLBACK',
    '-- a remark\r BEGIN',
    '/* one /* in another */ */ abort',
    ';;ROLLBACK TO SAVEPOINT troupe_unit',
    '/**/SAVEPOINT mine',
    'release savepoint troupe_unit',
    'PREPARE TRANSACTION $$x$$',
    'START TRANSACTION',
    'SET search_path = other',
    'RESET ALL',
    'DISCARD ALL',
    'LISTEN news',
  ])('is refused: %s', (text) => {
    let refusal: unknown
    try {
      checked(text, [])
    } catch (error) {
      refusal = error
    }
    expect(refusal).toMatchObject({ code: 'TROUPE_TRANSACTION_MISUSED' })
  })

  it.each([
    'SELECT 1 -- COMMIT',
    `INSERT INTO note VALUES ('ROLLBACK')`,
    'WITH begin AS (SELECT 1) SELECT * FROM begin',
    'DELETE FROM settings',
    '/* never closed COMMIT',
    '-- nothing but a remark',
    'SELECT set_config($1, $2, true)',
  ])('is not taken for one: %s', (text) => {
    expect(checked(text, []).text).toBe(text)
  })
})
