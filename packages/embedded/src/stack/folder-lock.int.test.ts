import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { lockFileName, lockFolder, lockOwner } from './folder-lock.ts'
import { birthOf, isAlive } from './process-identity.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-test-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** The pid and birth of a process that has ended and was waited for. */
async function deadOwner(): Promise<{ pid: number; birth: string }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  const owner = { pid: child.pid ?? 0, birth: birthOf(child.pid ?? 0) }
  child.kill('SIGKILL')
  await once(child, 'exit')
  return owner
}

describe('lockFolder', () => {
  it('keeps everybody else out until it is released, and leaves nothing behind', () => {
    const lock = lockFolder(folder)
    expect(() => lockFolder(folder)).toThrow(
      expect.objectContaining({
        code: 'FOLDER_IN_USE',
        message: expect.stringContaining(String(process.pid)),
      }),
    )
    lock.release()
    lock.release()
    expect(readdirSync(folder)).toEqual([])
    lockFolder(folder).release()
  })

  it('names the living process that has the folder', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    await once(child, 'spawn')
    const owner = { pid: child.pid, birth: birthOf(child.pid ?? 0) }
    writeFileSync(join(folder, lockFileName), JSON.stringify(owner))
    try {
      expect(() => lockFolder(folder)).toThrow(new RegExp(`in use by process ${child.pid}\\b`))
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    lockFolder(folder).release()
  })

  it('takes over from a process that died', async () => {
    writeFileSync(join(folder, lockFileName), JSON.stringify(await deadOwner()))
    const lock = lockFolder(folder)
    expect(lockOwner(folder)?.pid).toBe(process.pid)
    lock.release()
  })

  it('takes over when the pid was given out again to somebody else', () => {
    writeFileSync(join(folder, lockFileName), JSON.stringify({ pid: process.pid, birth: 'long ago' }))
    const lock = lockFolder(folder)
    expect(lockOwner(folder)?.birth).toBe(birthOf(process.pid))
    lock.release()
  })

  it('takes over although somebody died while taking over', async () => {
    const dead = JSON.stringify(await deadOwner())
    writeFileSync(join(folder, lockFileName), dead)
    writeFileSync(join(folder, `${lockFileName}.takeover`), dead)
    lockFolder(folder).release()
    expect(readdirSync(folder)).toEqual([])
  })

  it('does not take away a lock that is no longer its own', () => {
    const lock = lockFolder(folder)
    const other = { pid: process.pid, birth: 'another life' }
    writeFileSync(join(folder, lockFileName), JSON.stringify(other))
    lock.release()
    expect(lockOwner(folder)).toEqual(other)
  })

  it('says so when the folder cannot be written', () => {
    expect(() => lockFolder(join(folder, 'absent'))).toThrow(
      expect.objectContaining({ code: 'FOLDER_UNUSABLE', message: expect.stringContaining('absent') }),
    )
  })
})

describe('isAlive', () => {
  it('knows living, dead and impossible processes', async () => {
    expect(isAlive(process.pid)).toBe(true)
    expect(isAlive((await deadOwner()).pid)).toBe(false)
    for (const pid of [0, -1, Number.NaN]) expect(isAlive(pid)).toBe(false)
  })
})
