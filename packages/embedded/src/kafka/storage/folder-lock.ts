import { EmbeddedError } from '../../embedded-error.ts'
import { lockFolder as lock } from '../../stack/folder-lock.ts'
import { BrokerError } from '../broker-error.ts'

/** Takes the folder, or throws `BROKER_FOLDER_IN_USE` with the holder's pid. Call the result to let go. */
export function lockFolder(dir: string): () => void {
  try {
    return lock(dir).release
  } catch (cause) {
    if (!(cause instanceof EmbeddedError)) throw cause
    const code = cause.code === 'FOLDER_IN_USE' ? 'BROKER_FOLDER_IN_USE' : 'BROKER_FOLDER_UNUSABLE'
    throw new BrokerError(code, cause.message, { cause })
  }
}
