import { describe, expect, it } from '@jest/globals'
import { isTroupeError } from '@troupe/core'
import { postgresLedger, type PostgresLedgerOptions } from './postgres-ledger.ts'
import { settingsOf } from './settings.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const url = 'postgres://order:secret@db.example:6543/orders?sslmode=require'

function refusalOf(options: Partial<PostgresLedgerOptions>): Error {
  try {
    postgresLedger({ url, log, ...options })
  } catch (error) {
    if (isTroupeError(error, 'TROUPE_SETTING_INVALID')) return error
    throw error
  }
  throw new Error('It was taken.')
}

describe('the settings of a ledger', () => {
  it('have defaults, and an address without the password', () => {
    expect(settingsOf({ url, log })).toEqual({
      url,
      tls: undefined,
      address: { host: 'db.example', port: 6543, database: 'orders', user: 'order' },
      schema: 'troupe',
      connectionsMax: 4,
      statementTimeoutMs: 30_000,
      log,
    })
  })

  it.each([
    ['schema', 'Troupe'],
    ['schema', 'a"; DROP SCHEMA public; --'],
    ['schema', 'pg_ledger'],
    ['schema', ''],
    ['connectionsMax', 0],
    ['connectionsMax', 1.5],
    ['connectionsMax', 101],
    ['statementTimeoutMs', 0],
    ['statementTimeoutMs', Number.NaN],
  ])('refuse %s %p by name', (setting, value) => {
    expect(refusalOf({ [setting]: value })).toMatchObject({ details: { setting } })
  })

  it.each(['', 'localhost', 'mysql://u:secret@h/d', 'postgres://u:secret@h:notaport/d'])(
    'refuse the URL %p without showing it',
    (wrong) => {
      const error = refusalOf({ url: wrong })
      expect(error.message).toContain('postgres://user:password@host:port/database')
      expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain('secret')
    },
  )

  it('take the URL’s word on TLS, unless an authority is given: then its certificate is asked', () => {
    const ca = 'PEM'
    expect(settingsOf({ url, log })).toMatchObject({ url, tls: undefined })
    expect(settingsOf({ url: `${url}&options=-c%20x=1`, ca, log })).toMatchObject({
      url: 'postgres://order:secret@db.example:6543/orders?options=-c+x%3D1',
      tls: { ca },
    })
    expect(settingsOf({ url: 'postgres://o:s@db/orders', ca, log })).toMatchObject({
      url: 'postgres://o:s@db/orders',
      tls: { ca },
    })
  })

  it.each(['sslmode=disable', 'sslmode=no-verify', 'sslmode=prefer', 'sslrootcert=/ca.pem', 'ssl=false'])(
    'refuse %s beside an authority, which would not be asked',
    (parameter) => {
      const error = refusalOf({ url: `postgres://o:secret@db/orders?${parameter}`, ca: 'PEM' })
      expect(error.message).toContain(parameter.startsWith('sslmode') ? parameter : parameter.split('=')[0])
      expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain('secret')
    },
  )
})
