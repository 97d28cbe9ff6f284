// The registry's memory, and its copy on disk.
//
// Invariants
// 1. Changes happen one at a time, each on the state that the one before it left.
// 2. A change is on disk before anybody sees it, and one that cannot be written did not happen.
// Owner: server.ts. One file holds everything and is replaced as a whole: a registry is small and
// changes seldom.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EmbeddedError, messageOf, systemCodeOf } from '../embedded-error.ts'
import { openFolder } from '../stack/open-folder.ts'
import { replaceFile } from '../stack/write-file.ts'
import type { Change } from './changes.ts'
import { registryErrors } from './registry-error.ts'
import { deserialize, emptyState, serialize, type RegistryState } from './state.ts'

export interface Store {
  /** The state as of the last change. */
  readonly state: RegistryState
  /** Makes a change and says its answer once it is kept. */
  change<T>(make: (state: RegistryState) => Change<T>): Promise<T>
  /** Lets changes in hand finish, and gives the folder free. */
  close(): Promise<void>
}

/**
 * Opens the store in a folder, or one in memory only.
 * @throws EmbeddedError FOLDER_IN_USE, FOLDER_UNUSABLE, FOLDER_MISMATCH
 */
export async function openStore(dir: string | undefined): Promise<Store> {
  if (dir === undefined)
    return storeOf(
      emptyState,
      async () => {},
      () => {},
    )
  const { folder, lock } = openFolder(dir)
  const file = join(folder, 'registry.json')
  try {
    const initial = await load(file)
    return storeOf(
      initial,
      (state) => replaceFile(file, serialize(state)),
      () => lock.release(),
    )
  } catch (error) {
    lock.release()
    throw error
  }
}

function storeOf(
  initial: RegistryState,
  keep: (state: RegistryState) => Promise<void>,
  release: () => void,
): Store {
  let state = initial
  let last: Promise<unknown> = Promise.resolve()
  const apply = async <T>(make: (state: RegistryState) => Change<T>): Promise<T> => {
    const { state: next, answer } = make(state)
    if (next !== state) {
      await keep(next).catch((error: unknown) => {
        throw registryErrors.storeFailed(messageOf(error))
      })
      state = next
    }
    return answer
  }
  return {
    get state() {
      return state
    },
    change(make) {
      const changed = last.then(() => apply(make))
      last = changed.catch(() => {})
      return changed
    },
    async close() {
      await last
      release()
    },
  }
}

async function load(file: string): Promise<RegistryState> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return emptyState
    throw new EmbeddedError('FOLDER_UNUSABLE', `Cannot read ${file}: ${messageOf(error)}.`, { cause: error })
  }
  try {
    return deserialize(text)
  } catch (error) {
    throw new EmbeddedError(
      'FOLDER_MISMATCH',
      `${file} is damaged or from another version (${messageOf(error)}). Put a backup in its place, or remove it ` +
        'to begin with an empty registry.',
      { cause: error },
    )
  }
}
