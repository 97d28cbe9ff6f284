// A fresh cluster costs initdb about a second; copying one that was initialised before costs a
// twentieth of that. The template is made once per machine, user and PostgreSQL version.
//
// Invariants
// 1. A template folder is complete or absent: it is built aside and renamed into place. When several
//    processes build at once, one rename wins and the others use the winner's.
// 2. The template is never started, only copied. Its superuser password is known to its owner alone
//    (the file is 0600 in a 0700 folder) and is replaced in every copy before the copy is handed out.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { chown, cp, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EmbeddedError, messageOf, propertyOf } from '../embedded-error.ts'
import type { Binaries } from './binaries.ts'
import { removeFolder } from '../stack/remove-folder.ts'
import { serverEnvironment } from './environment.ts'
import { temporaryFolderFor, type Identity } from './identity.ts'

/** An initialised cluster: `data` is its data folder, `password` its superuser's. */
export interface Template {
  folder: string
  data: string
  password: string
  /** There was no cache folder: whoever copies it removes it afterwards. */
  isForOneStart: boolean
}

/** The role that owns the cluster. */
export const superuser = 'postgres'

const run = promisify(execFile)
const buildPrefix = 'building-cluster-'
const abandonedAfterMs = 10 * 60_000

/** Finds the template, or makes it. Without a cache folder it is made for this one start. */
export async function ensureTemplate(
  binaries: Binaries,
  identity: Identity,
  cache: string | undefined,
): Promise<Template> {
  if (cache === undefined) return read(await build(binaries, identity, temporaryFolderFor(identity)), true)
  await removeAbandonedBuilds(cache)
  const final = join(cache, `cluster-${binaries.version}-${process.arch}-${identity.uid ?? 'self'}`)
  if (existsSync(final)) {
    if (isIntact(final)) return read(final, false)
    await removeFolder(final)
  }
  const built = await build(binaries, identity, cache)
  try {
    await rename(built, final)
  } catch (error) {
    await removeFolder(built)
    if (!existsSync(final)) throw error
  }
  return read(final, false)
}

/**
 * Copies the template's cluster to `target`, which must not exist.
 * The copy appears complete or not at all.
 */
export async function copyTemplate(template: Template, target: string): Promise<void> {
  const aside = `${target}.new`
  await removeFolder(aside)
  if (process.platform === 'win32') {
    await cp(template.data, aside, { recursive: true })
  } else {
    // A thousand files: cp takes 60 ms, Node's own copy 100 to 250. It keeps the owner, who is the
    // one the server runs as: templates are made for each of them.
    await run('cp', ['-R', '-p', template.data, aside])
  }
  await rename(aside, target)
}

async function build(binaries: Binaries, identity: Identity, parent: string): Promise<string> {
  const folder = await mkdtemp(join(parent, buildPrefix))
  try {
    if (identity.uid !== undefined && identity.gid !== undefined)
      await chown(folder, identity.uid, identity.gid)
    const password = randomBytes(24).toString('base64url')
    const passwordFile = join(folder, 'password')
    await writeFile(passwordFile, password, { mode: 0o600 })
    if (identity.uid !== undefined && identity.gid !== undefined) {
      await chown(passwordFile, identity.uid, identity.gid)
    }
    const data = join(folder, 'data')
    await initialise(binaries, identity, data, passwordFile)
    await writeFile(join(folder, 'files'), String(countFiles(data)))
    return folder
  } catch (error) {
    await removeFolder(folder)
    throw error
  }
}

async function initialise(
  binaries: Binaries,
  identity: Identity,
  data: string,
  passwordFile: string,
): Promise<void> {
  const options = [
    `--pgdata=${data}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    // The same sort order on every machine, whatever locales it has.
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    // A kept folder is synced after copying; the template itself can always be made again.
    '--no-sync',
  ]
  try {
    await run(binaries.initdb, options, { ...identity, cwd: join(data, '..'), env: serverEnvironment() })
  } catch (error) {
    const stderr = propertyOf(error, 'stderr')
    const said = typeof stderr === 'string' ? stderr.trim() : ''
    throw new EmbeddedError('POSTGRES_NOT_STARTED', `initdb failed: ${said || messageOf(error)}`, {
      cause: error,
    })
  }
}

async function read(folder: string, isForOneStart: boolean): Promise<Template> {
  const password = await readFile(join(folder, 'password'), 'utf8')
  return { folder, data: join(folder, 'data'), password, isForOneStart }
}

/** Cleaners of temporary folders take single old files out of a cache; a cluster misses each of them. */
function isIntact(folder: string): boolean {
  try {
    return Number(readFileSync(join(folder, 'files'), 'utf8')) === countFiles(join(folder, 'data'))
  } catch {
    return false
  }
}

function countFiles(folder: string): number {
  return readdirSync(folder, { recursive: true }).length
}

/** What processes left behind that were killed while they built. */
async function removeAbandonedBuilds(cache: string): Promise<void> {
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith(buildPrefix))) {
    const folder = join(cache, name)
    const startedAtMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - startedAtMs > abandonedAfterMs) await removeFolder(folder)
  }
}
