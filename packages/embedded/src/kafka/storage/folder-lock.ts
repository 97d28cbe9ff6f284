/**
 * One broker per folder. The lock is a file with the process id of its holder; a crash leaves it behind, so
 * a lock whose process is gone is taken over.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '../broker-error.ts'

interface Holder {
  readonly pid: number
  /** When that process began: the same pid with another beginning is another process. */
  readonly startedAtMs: number
}

const LOCK_FILE = 'broker.lock'
/** Two clocks that were read a moment apart never agree exactly. */
const START_TOLERANCE_MS = 2000

/** Takes the folder, or throws `BROKER_FOLDER_IN_USE` with the holder's pid. Call the result to let go. */
export function lockFolder(dir: string): () => void {
  const path = join(dir, LOCK_FILE)
  if (!create(path)) {
    const holder = read(path)
    if (holder !== undefined && isAlive(holder)) throw inUse(dir, path, holder)
    takeAway(path, holder, dir)
    if (!create(path)) throw inUse(dir, path, read(path))
  }
  return () => fs.rmSync(path, { force: true })
}

function create(path: string): boolean {
  const own: Holder = { pid: process.pid, startedAtMs: ownStartMs() }
  try {
    fs.writeFileSync(path, JSON.stringify(own), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** The holder, or undefined when its file is gone or was never finished. */
function read(path: string): Holder | undefined {
  try {
    const content = JSON.parse(fs.readFileSync(path, 'utf8')) as Partial<Holder>
    const { pid, startedAtMs } = content
    return Number.isInteger(pid) && typeof startedAtMs === 'number' ? (content as Holder) : undefined
  } catch {
    return undefined
  }
}

/**
 * Removes a dead holder's lock. Renamed first and read again: if a third process took the folder between
 * our look and our grip, it gets its lock back.
 */
function takeAway(path: string, expected: Holder | undefined, dir: string): void {
  const aside = `${path}.${process.pid}`
  try {
    fs.renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const actual = read(aside)
  if (actual?.pid !== expected?.pid || actual?.startedAtMs !== expected?.startedAtMs) {
    fs.renameSync(aside, path)
    throw inUse(dir, path, actual)
  }
  fs.rmSync(aside, { force: true })
}

function isAlive({ pid, startedAtMs }: Holder): boolean {
  // In a container every start may get the pid of the one before.
  if (pid === process.pid) return Math.abs(startedAtMs - ownStartMs()) < START_TOLERANCE_MS
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function ownStartMs(): number {
  return Math.round(Date.now() - process.uptime() * 1000)
}

function inUse(dir: string, path: string, holder: Holder | undefined): BrokerError {
  const who = holder ? `process ${holder.pid}` : 'another process'
  return new BrokerError(
    'BROKER_FOLDER_IN_USE',
    `${dir} is in use by ${who}: stop that broker or choose another folder (if that process is no broker, remove ${path}).`,
  )
}
