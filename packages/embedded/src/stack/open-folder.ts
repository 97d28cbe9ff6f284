import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { EmbeddedError, messageOf } from '../embedded-error.ts'
import { lockFolder, type FolderLock } from './folder-lock.ts'

/**
 * Makes a folder where it is missing and takes it for this process.
 * @throws EmbeddedError FOLDER_UNUSABLE, FOLDER_IN_USE
 */
export function openFolder(dir: string): { folder: string; lock: FolderLock } {
  const folder = resolve(dir)
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new EmbeddedError(
      'FOLDER_UNUSABLE',
      `Cannot make the folder ${folder}: ${messageOf(error)}. Choose a folder that this user may write to.`,
      { cause: error },
    )
  }
  return { folder, lock: lockFolder(folder) }
}
