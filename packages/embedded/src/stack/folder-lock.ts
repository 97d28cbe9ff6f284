// One process at a time may open a folder.
//
// Invariants
// 1. The lock is a file that appears complete or not at all (written aside, then hard-linked into
//    place), so a reader never sees half an owner.
// 2. A lock counts as long as its owner lives: same pid AND same birth. A crash therefore needs no
//    clean-up, and a pid that was given out again locks nobody out.
// 3. A dead owner's lock is removed only under a second lock of the same kind, so of two processes
//    that find it dead, one cannot remove what the other has just taken.
// Owner: whoever called lockFolder; the file goes away on release.
import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EmbeddedError, messageOf, systemCodeOf } from '../embedded-error.ts'
import { birthOf, isAlive } from './process-identity.ts'

/** A folder that this process has for itself until `release`. */
export interface FolderLock {
  /** Gives the folder free; harmless when called twice. */
  release(): void
}

/** Who holds a folder's lock. */
export interface LockOwner {
  pid: number
  birth: string
}

/** The lock file's name inside the folder it locks. */
export const lockFileName = 'in-use-by.json'

/**
 * Takes a folder (which exists) for this process.
 * @throws EmbeddedError FOLDER_IN_USE with the owner's pid when a living process has it;
 *   FOLDER_UNUSABLE when the folder cannot be written.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, lockFileName)
  const own: LockOwner = { pid: process.pid, birth: birthOf(process.pid) }
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (place(path, own)) return { release: () => release(path, own) }
    const owner = lockOwner(folder)
    if (owner && isHeld(owner)) throw inUse(folder, owner)
    removeStale(path, own)
  }
  throw new EmbeddedError(
    'FOLDER_IN_USE',
    `${folder} is being opened by several processes at once; try again.`,
  )
}

/** Who holds the folder's lock, dead or alive; undefined when nobody does. */
export function lockOwner(folder: string): LockOwner | undefined {
  return readOwner(join(folder, lockFileName))
}

/** Whether the process that wrote this lock still runs. */
export function isHeld(owner: LockOwner): boolean {
  if (!isAlive(owner.pid)) return false
  const birth = birthOf(owner.pid)
  return birth === '' || owner.birth === '' || birth === owner.birth
}

/** Milliseconds since the folder's lock was taken; undefined without a lock. */
export function lockAgeMs(folder: string): number | undefined {
  try {
    return Date.now() - statSync(join(folder, lockFileName)).mtimeMs
  } catch {
    return undefined
  }
}

function place(path: string, own: LockOwner): boolean {
  const aside = `${path}.${own.pid}-${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(aside, JSON.stringify(own), { mode: 0o600, flag: 'wx' })
    linkSync(aside, path)
    return true
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') return false
    throw new EmbeddedError(
      'FOLDER_UNUSABLE',
      `Cannot write to ${path}: ${messageOf(error)}. Choose a folder that this user may write to.`,
      { cause: error },
    )
  } finally {
    rmSync(aside, { force: true })
  }
}

function removeStale(path: string, own: LockOwner): void {
  const gate = `${path}.takeover`
  if (!place(gate, own)) {
    const owner = readOwner(gate)
    if (owner && !isHeld(owner)) rmSync(gate, { force: true })
    return
  }
  try {
    const owner = readOwner(path)
    if (!owner || !isHeld(owner)) rmSync(path, { force: true })
  } finally {
    rmSync(gate, { force: true })
  }
}

function release(path: string, own: LockOwner): void {
  const owner = readOwner(path)
  if (owner?.pid === own.pid && owner.birth === own.birth) rmSync(path, { force: true })
}

function readOwner(path: string): LockOwner | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof parsed !== 'object' || parsed === null || !('pid' in parsed)) return undefined
    const birth = 'birth' in parsed ? String(parsed.birth) : ''
    return { pid: Number(parsed.pid), birth }
  } catch {
    return undefined
  }
}

function inUse(folder: string, owner: LockOwner): EmbeddedError {
  const who = owner.pid === process.pid ? `this process (pid ${owner.pid})` : `process ${owner.pid}`
  return new EmbeddedError(
    'FOLDER_IN_USE',
    `${folder} is in use by ${who}. Stop that one first, or choose another folder.`,
  )
}
