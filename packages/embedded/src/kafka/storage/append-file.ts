import * as fs from 'node:fs'
import { dirname } from 'node:path'

/**
 * A file that is only ever appended to. What `append` was given is in it wholly or not at all: when a
 * write fails half-way (a full disk), the file is cut back to what it was. Opened on first use, so that
 * files which nobody touches cost no descriptor.
 */
export class AppendFile {
  readonly path: string
  readonly #isSynced: boolean
  #length: number
  #descriptor: number | undefined

  /** `length` is what the file holds now; 0 for one that may not exist yet. */
  constructor(path: string, length: number, isSynced: boolean) {
    this.path = path
    this.#length = length
    this.#isSynced = isSynced
  }

  get length(): number {
    return this.#length
  }

  append(bytes: Buffer): void {
    const descriptor = this.#open()
    try {
      let written = 0
      while (written < bytes.length) {
        written += fs.writeSync(descriptor, bytes, written, bytes.length - written, this.#length + written)
      }
      if (this.#isSynced) fs.fdatasyncSync(descriptor)
    } catch (error) {
      fs.ftruncateSync(descriptor, this.#length)
      throw error
    }
    this.#length += bytes.length
  }

  read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    const descriptor = this.#open()
    let count = 0
    while (count < length) {
      const more = fs.readSync(descriptor, bytes, count, length - count, position + count)
      if (more === 0) throw new Error(`${this.path} ends at ${position + count}: somebody else shortened it`)
      count += more
    }
    return bytes
  }

  close(): void {
    if (this.#descriptor === undefined) return
    fs.closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  remove(): void {
    this.close()
    fs.rmSync(this.path, { force: true })
  }

  #open(): number {
    if (this.#descriptor !== undefined) return this.#descriptor
    const isNew = this.#length === 0
    if (isNew) fs.mkdirSync(dirname(this.path), { recursive: true })
    this.#descriptor = fs.openSync(this.path, isNew ? 'w+' : 'r+')
    if (isNew && this.#isSynced) syncFolder(dirname(this.path))
    return this.#descriptor
  }
}

/** Replaces a file's content in one step: a crash leaves the old or the new one, never half of it. */
export function replaceFile(path: string, content: string, isSynced: boolean): void {
  const draft = `${path}.new`
  const descriptor = fs.openSync(draft, 'w')
  try {
    fs.writeFileSync(descriptor, content)
    if (isSynced) fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
  fs.renameSync(draft, path)
  if (isSynced) syncFolder(dirname(path))
}

/** Makes new names in a folder durable. Windows has no such thing, and no need of it. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const descriptor = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}
