import { describe, expect, it } from '@jest/globals'
import { isTroupeError, retryVerdictOf } from '@troupe/core'
import { type EmbeddedPostgres, startPostgres } from '@troupe/embedded'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { settlement, write } from './contract/case-building.ts'
import { postgresLedger } from './postgres-ledger.ts'
import { silentLog } from './stores.test.kit.ts'

/** A disk of its own, as small as it has to be; undefined where this process may not mount one. */
function smallDisk(sizeMiB: number) {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-full-'))
  const mount = (...options: string[]) => execFileSync('mount', options, { stdio: 'ignore' })
  try {
    mount('-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=0755`, 'tmpfs', folder)
  } catch {
    rmSync(folder, { recursive: true })
    return undefined
  }
  return {
    folder,
    grow: (toMiB: number) => mount('-o', `remount,size=${toMiB}m`, folder),
    remove() {
      execFileSync('umount', ['--lazy', folder])
      rmSync(folder, { recursive: true })
    },
  }
}

const disk = smallDisk(112)
if (!disk) {
  process.stderr.write(
    'SKIPPED: failure 34, a full disk. It needs a small tmpfs, and this process may not mount one: run the tests as root, or in a container with CAP_SYS_ADMIN.\n',
  )
}

describe('failure 34: a full disk under the database', () => {
  ;(disk ? it : it.skip)(
    'is called by its name, blames no event, and loses nothing that was acknowledged',
    async () => {
      if (!disk) return
      let server: EmbeddedPostgres | undefined
      const start = async () => {
        server = await startPostgres({
          dir: join(disk.folder, 'data'),
          fsync: false,
          settings: { max_wal_size: '32MB', min_wal_size: '32MB' },
        })
        return postgresLedger({
          url: await server.createDatabase({ name: 'ledger' }),
          log: silentLog,
        })
      }
      try {
        const ledger = await start()
        await ledger.migrate()
        const acknowledged: string[] = []
        const refusals: unknown[] = []
        for (let n = 0; n < 4_000 && refusals.length === 0; n += 1) {
          const key = `document ${n}`
          const state = { bytes: randomBytes(75_000).toString('base64') }
          await ledger.settle(settlement({ documents: [write(key, 0, state)] })).then(
            () => acknowledged.push(key),
            (error: unknown) => refusals.push(error),
          )
        }
        expect(acknowledged.length).toBeGreaterThan(10)
        // Where the log of the server itself finds no room, it ends; where a table does, it says so.
        expect(['TROUPE_DATABASE_FULL', 'TROUPE_DATABASE_UNREACHABLE']).toContain(codeOf(refusals[0]))
        expect(retryVerdictOf(refusals[0])).toBe('wait')
        await ledger.close()

        disk.grow(600)
        await server?.stop()
        const again = await start()
        for (const key of acknowledged)
          expect([key, (await again.document({ kind: 'stock', key }))?.version]).toEqual([key, 1])
        await again.settle(settlement({ documents: [write('more', 0)] }))
        await again.close()
      } finally {
        await server?.stop()
        disk.remove()
      }
    },
    120_000,
  )
})

function codeOf(error: unknown): string {
  return isTroupeError(error) ? error.code : String(error)
}
