import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startPostgres } from '@troupe/embedded'
import pg from 'pg'

/** What was measured. */
export interface Versions {
  readonly node: string
  readonly kafkajs: string
  readonly postgresql: string
  /** Whether PostgreSQL waits for the disk at every commit: `on` for both. */
  readonly fsync: string
  readonly synchronousCommit: string
  /** Troupe's git commit, with a `+` if files differ from it; null where there is no git. */
  readonly troupe: string | null
}

/** Asks everything for its version; PostgreSQL is started for that, as the stack starts it. */
export async function readVersions(): Promise<Versions> {
  const [postgres, troupe] = await Promise.all([askPostgres(), readCommit()])
  return { node: process.versions.node, kafkajs: kafkajsVersion(), ...postgres, troupe }
}

async function askPostgres(): Promise<Pick<Versions, 'postgresql' | 'fsync' | 'synchronousCommit'>> {
  const server = await startPostgres()
  try {
    const client = new pg.Client(server.url)
    await client.connect()
    try {
      const { rows } = await client.query<Record<'version' | 'fsync' | 'synchronous_commit', string>>(
        `select current_setting('server_version') as version, current_setting('fsync') as fsync,
                current_setting('synchronous_commit') as synchronous_commit`,
      )
      const [settings] = rows
      if (!settings) throw new Error('PostgreSQL does not say its version.')
      const { version, fsync, synchronous_commit: synchronousCommit } = settings
      return { postgresql: version, fsync, synchronousCommit }
    } finally {
      await client.end()
    }
  } finally {
    await server.stop()
  }
}

function kafkajsVersion(): string {
  const file = createRequire(import.meta.url).resolve('kafkajs/package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
}

async function readCommit(): Promise<string | null> {
  const cwd = dirname(fileURLToPath(import.meta.url))
  const git = async (...words: string[]) =>
    (await promisify(execFile)('git', words, { cwd, timeout: 10_000 })).stdout.trim()
  try {
    const commit = await git('rev-parse', '--short=12', 'HEAD')
    return (await git('status', '--porcelain')) === '' ? commit : `${commit}+`
  } catch {
    // No git, or no repository: a tarball has no commit.
    return null
  }
}
