import { describe, expect, it } from '@jest/globals'
import { Client } from 'pg'
import { settingsOf } from '../settings.ts'
import { connectionSettings } from './connections.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

describe('the options of a connection', () => {
  it.each([
    ['postgres://u:p%40%2F@h:1/d', ''],
    ['postgres://u:p%40%2F@h:1/d?sslmode=disable', ''],
    ['postgres://u:p%40%2F@h:1/d?options=-c%20work_mem%3D8MB', ' -c work_mem=8MB'],
  ])('of %s are the ledger’s, then the URL’s', (url, own) => {
    const client = new Client(connectionSettings(settingsOf({ url, log }))) as Client & {
      connectionParameters: { options: string }
    }
    expect(client.connectionParameters.options).toMatch(
      /^-c plan_cache_mode=force_generic_plan .* -c jit=off/,
    )
    expect(
      client.connectionParameters.options.endsWith(`-c default_transaction_isolation=read\\ committed${own}`),
    ).toBe(true)
    expect(client).toMatchObject({ user: 'u', password: 'p@/', host: 'h', port: 1, database: 'd' })
  })
})
