import { describe, expect, it } from '@jest/globals'
import { connectionUrl } from './databases.ts'
import { hostBasedAuthentication, serverSettings } from './settings.ts'

const options = { host: '127.0.0.1', port: 5432, fsync: true, settings: {} }

describe('serverSettings', () => {
  it('listens on TCP alone and keeps fsync unless told otherwise', () => {
    const settings = serverSettings(options)
    expect(settings).toMatchObject({
      listen_addresses: '127.0.0.1',
      port: '5432',
      unix_socket_directories: '',
    })
    expect(settings).not.toHaveProperty('fsync')
    expect(serverSettings({ ...options, fsync: false })).toMatchObject({
      fsync: 'off',
      full_page_writes: 'off',
    })
  })

  it('never gives up synchronous commits by itself', () => {
    expect(serverSettings({ ...options, fsync: false })).not.toHaveProperty('synchronous_commit')
  })

  it('lets the caller win', () => {
    const settings = { max_connections: 10, wal_level: 'logical', 'auto_explain.log_analyze': true }
    expect(serverSettings({ ...options, settings })).toMatchObject({
      max_connections: '10',
      wal_level: 'logical',
      'auto_explain.log_analyze': 'true',
    })
  })

  it.each(['', 'a b', 'x=1', '-D', 'a\0'])('refuses the name %j', (name) => {
    expect(() => serverSettings({ ...options, settings: { [name]: 1 } })).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION' }),
    )
  })
})

describe('hostBasedAuthentication', () => {
  it('asks for a password always, and lets other machines in only when it listens to them', () => {
    for (const host of ['127.0.0.1', 'localhost', '::1']) {
      expect(hostBasedAuthentication(host)).toBe(
        'host all all 127.0.0.1/8 scram-sha-256\nhost all all ::1/128 scram-sha-256\n',
      )
    }
    expect(hostBasedAuthentication('0.0.0.0')).toContain('0.0.0.0/0 scram-sha-256')
  })
})

describe('connectionUrl', () => {
  it('escapes what it is made of, and never connects to a wildcard', () => {
    const credentials = { user: 'a@b', password: 'p:/?#', database: 'x y' }
    const url = new URL(connectionUrl({ host: '0.0.0.0', port: 1 }, credentials))
    expect(url.host).toBe('127.0.0.1:1')
    expect([url.username, url.password, url.pathname].map(decodeURIComponent)).toEqual([
      'a@b',
      'p:/?#',
      '/x y',
    ])
    expect(connectionUrl({ host: '::1', port: 1 }, credentials)).toContain('@[::1]:1/')
  })
})
