import { EmbeddedError } from '../embedded-error.ts'

export interface SettingsInput {
  host: string
  port: number
  fsync: boolean
  settings: Readonly<Record<string, string | number | boolean>>
}

/**
 * The server's settings: small, quiet, and leaving nothing behind outside its folder. The caller's
 * own come last and win.
 * @throws EmbeddedError BAD_OPTION for a name that is none.
 */
export function serverSettings({ host, port, fsync, settings }: SettingsInput): Record<string, string> {
  const own: Record<string, string> = {}
  for (const [name, value] of Object.entries(settings)) {
    if (!/^[a-z_][a-z0-9_.]*$/i.test(name)) {
      throw new EmbeddedError(
        'BAD_OPTION',
        `settings: ${JSON.stringify(name)} is not the name of a PostgreSQL setting.`,
      )
    }
    if (typeof value === 'string' && value.includes('\0')) {
      throw new EmbeddedError('BAD_OPTION', `settings: the value of ${name} holds a NUL character.`)
    }
    own[name] = String(value)
  }
  return {
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: '',
    // Nothing in /dev/shm: what is shared lives in anonymous memory and in the data folder.
    shared_memory_type: 'mmap',
    dynamic_shared_memory_type: 'mmap',
    huge_pages: 'off',
    shared_buffers: '64MB',
    max_connections: '200',
    max_wal_size: '512MB',
    // No standby and no replication: half the log volume and three processes fewer.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_logical_replication_workers: '0',
    io_method: 'sync',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    // Errors are told to the client that made them; the log is for what happens to the server, and
    // stays small however long it runs.
    log_min_messages: 'log',
    log_checkpoints: 'off',
    ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...own,
  }
}

/** Who may connect from where: passwords for all, and from this machine alone unless it listens wider. */
export function hostBasedAuthentication(host: string): string {
  const from = isLoopback(host) ? ['127.0.0.1/8', '::1/128'] : ['0.0.0.0/0', '::/0']
  return from.map((address) => `host all all ${address} scram-sha-256\n`).join('')
}

/** The host to put into a URL: a wildcard is listened on, never connected to. */
export function connectHost(host: string): string {
  if (host === '0.0.0.0' || host === '*') return '127.0.0.1'
  if (host === '::') return '::1'
  return host
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
