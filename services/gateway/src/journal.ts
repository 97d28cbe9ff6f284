// Where decisions are kept: a file of one line each, in their order.
//
// Invariants
// 1. Nobody is answered before his line has been handed to the operating system: a process that is killed
//    loses no charge that anybody knows of. (A machine that loses its power may.)
// 2. One write is under way at a time; what comes meanwhile goes together in the next.
// 3. A line that was cut off in the middle was answered to nobody, and is cut away.

import { mkdir, open, readFile, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Entry } from './book.ts'

export interface Journal {
  /** Resolves when it is kept. */
  keep(entry: Entry): Promise<void>
  /** Resolves when all that was given to `keep` so far is kept. */
  kept(): Promise<void>
  close(): Promise<void>
}

/** Keeps nothing. */
export const noJournal: Journal = { keep: async () => {}, kept: async () => {}, close: async () => {} }

/** @param onEntry told of what the file has, in order, before this resolves */
export async function openJournal(file: string, onEntry: (entry: Entry) => void): Promise<Journal> {
  await mkdir(dirname(file), { recursive: true })
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0)
    throw error
  })
  const whole = bytes.lastIndexOf('\n') + 1
  for (const line of bytes.subarray(0, whole).toString('utf8').split('\n'))
    if (line !== '') onEntry(JSON.parse(line) as Entry)
  if (whole < bytes.length) await truncate(file, whole)
  const handle = await open(file, 'a')
  let waiting = ''
  let latest: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined

  function write(): Promise<void> {
    next ??= latest.then(async () => {
      next = undefined
      const lines = waiting
      waiting = ''
      latest = handle.appendFile(lines)
      await latest
    })
    return next
  }

  return {
    keep(entry) {
      waiting += `${JSON.stringify(entry)}\n`
      return write()
    },
    kept: () => (waiting === '' ? latest : write()),
    async close() {
      await (waiting === '' ? latest : write())
      await handle.close()
    },
  }
}
