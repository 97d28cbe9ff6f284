import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EmbeddedError, messageOf } from '../embedded-error.ts'
import { isHeld, lockAgeMs, lockFolder, lockOwner, type FolderLock } from '../stack/folder-lock.ts'
import { openFolder } from '../stack/open-folder.ts'
import { commandOf, workingFolderOf } from '../stack/process-identity.ts'
import { removeFolder } from '../stack/remove-folder.ts'
import { replaceFile } from '../stack/write-file.ts'
import type { Binaries } from './binaries.ts'
import { closedFolderOnTheWayTo, temporaryFolderFor, type Identity } from './identity.ts'
import { endOrphan } from './server.ts'

const run = promisify(execFile)
const throwawayPrefix = 'embedded-postgres-'
/** A dead parent's watchdog gets this long to clean up by itself before another start does it. */
const abandonedAfterMs = 60_000

/** The folder of one cluster: its data, its log, its lock, and for kept ones its password. */
export interface ClusterFolder {
  root: string
  data: string
  log: string
  passwords: string
  isThrowaway: boolean
  lock: FolderLock
}

/** Opens (or makes) the caller's folder, which is kept. */
export function openKeptFolder(dir: string): ClusterFolder {
  const { folder, lock } = openFolder(dir)
  return layout(folder, lock, false)
}

/** Makes a folder of its own for one run. */
export function makeThrowawayFolder(identity: Identity): ClusterFolder {
  const root = mkdtempSync(join(temporaryFolderFor(identity), throwawayPrefix))
  return layout(root, lockFolder(root), true)
}

/**
 * Gives the cluster's folder to whom the server runs as, and says the path by which he gets to the
 * data: its own, or where root chose a folder that is closed to him, the folder he is put into before
 * he is no longer root. Only Linux has a name for that one.
 * @throws EmbeddedError FOLDER_UNUSABLE
 */
export function giveTo(identity: Identity, { root, data }: ClusterFolder): string {
  const { uid, gid } = identity
  if (uid === undefined || gid === undefined) return data
  chownSync(root, uid, gid)
  chmodSync(root, 0o700)
  const closed = closedFolderOnTheWayTo(root, identity)
  if (closed === undefined) return data
  if (process.platform === 'linux') return '/proc/self/cwd'
  throw closedFolder(closed, root, identity)
}

/** Says that a folder is out of reach for the server's user. */
export function closedFolder(closed: string, wanted: string, { uid }: Identity): EmbeddedError {
  return new EmbeddedError(
    'FOLDER_UNUSABLE',
    `PostgreSQL does not run as root, and the user it runs as instead (uid ${uid}) may not enter ${closed}, ` +
      `where ${wanted} is. Choose a folder elsewhere, or open that one: chmod o+x ${closed}`,
  )
}

/** Refuses data that these binaries cannot open. */
export function checkDataVersion({ data }: ClusterFolder, { major, version }: Binaries): void {
  let found: string
  try {
    found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  } catch (error) {
    throw new EmbeddedError(
      'FOLDER_MISMATCH',
      `${data} is not a PostgreSQL data folder (no PG_VERSION in it). Choose another folder, or remove it.`,
      { cause: error },
    )
  }
  if (found === String(major)) return
  throw new EmbeddedError(
    'FOLDER_MISMATCH',
    `${data} was written by PostgreSQL ${found}; these binaries are ${version} and cannot open it. ` +
      'Dump and restore it with the old version, or choose another folder.',
  )
}

/** Data that was restored by root (a copied backup) is given back to whom the server runs as. */
export async function correctOwner({ data }: ClusterFolder, { uid, gid }: Identity): Promise<void> {
  const stat = statSync(data)
  if (uid !== undefined && stat.uid !== uid) await run('chown', ['-R', `${uid}:${gid}`, data])
  // PostgreSQL opens nothing that others could read.
  if (process.platform !== 'win32' && (stat.mode & 0o027) !== 0) chmodSync(data, 0o700)
}

/** Notes the superuser's passwords where a later start, also as another user, finds them. */
export async function keepPasswords(
  { passwords }: ClusterFolder,
  { uid, gid }: Identity,
  known: readonly string[],
): Promise<void> {
  await replaceFile(passwords, JSON.stringify(known))
  if (uid !== undefined && gid !== undefined) chownSync(passwords, uid, gid)
}

/** The superuser's password, and before it was last changed. */
export function readPasswords({ passwords, data }: ClusterFolder): string[] {
  try {
    return (JSON.parse(readFileSync(passwords, 'utf8')) as unknown[]).map(String)
  } catch (error) {
    throw new EmbeddedError(
      'FOLDER_MISMATCH',
      `${data} is there, but the superuser's password beside it (${passwords}) is not: ${messageOf(error)}. ` +
        'A folder is copied and restored as a whole; choose another folder, or put the file back.',
      { cause: error },
    )
  }
}

/** Stops a server that outlived the process which started it on this folder; says its pid. */
export async function endServerOf(data: string): Promise<number | undefined> {
  return endOrphan(data, (pid) => {
    const workingFolder = workingFolderOf(pid)
    if (workingFolder !== undefined) return workingFolder === realpathSync(data)
    // Where neither can be read, the pid in the data folder is taken at its word.
    const command = commandOf(pid)
    return command === '' || command.includes(data)
  })
}

/**
 * Removes throwaway folders whose process is dead and whose watchdog did not get to it (both were
 * killed at once, the machine lost power). Those of living processes are left alone.
 */
export async function removeAbandonedFolders(identity: Identity): Promise<void> {
  const base = temporaryFolderFor(identity)
  const owners = new Set([process.getuid?.(), identity.uid])
  for (const name of readdirSync(base).filter((entry) => entry.startsWith(throwawayPrefix))) {
    const root = join(base, name)
    const stat = lstatSync(root, { throwIfNoEntry: false })
    if (!stat?.isDirectory() || !owners.has(process.getuid ? stat.uid : undefined)) continue
    const owner = lockOwner(root)
    const ageMs = lockAgeMs(root) ?? Date.now() - stat.mtimeMs
    if (ageMs < abandonedAfterMs || (owner && isHeld(owner))) continue
    await endServerOf(join(root, 'data'))
    await removeFolder(root)
  }
}

function layout(root: string, lock: FolderLock, isThrowaway: boolean): ClusterFolder {
  return {
    root,
    data: join(root, 'data'),
    log: join(root, 'server.log'),
    passwords: join(root, 'superuser.json'),
    isThrowaway,
    lock,
  }
}

/** Whether the folder holds a cluster already. */
export function hasData({ data }: ClusterFolder): boolean {
  return lstatSync(data, { throwIfNoEntry: false }) !== undefined
}
