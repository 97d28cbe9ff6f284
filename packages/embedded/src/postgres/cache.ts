import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { closedFolderOnTheWayTo, isRoot, temporaryFolderFor, type Identity } from './identity.ts'

/**
 * The folder for what is made once per machine and user: the initialised template, and for root a
 * copy of the binaries. Undefined where no safe folder can be had; everything works without, slower.
 *
 * A folder that somebody else could have prepared is not used: a cluster holds code.
 */
export function cacheFolder(identity: Identity): string | undefined {
  const name = 'embedded-stack'
  const uid = process.getuid?.()
  const temporary = join(temporaryFolderFor(identity), `${name}-cache-${uid ?? 'user'}`)
  return [join(systemCache(), name), temporary].find(
    (folder) => isUsable(folder, uid) && closedFolderOnTheWayTo(folder, identity) === undefined,
  )
}

/** Root's own cache folder is closed to the user that the server runs as; /var/cache is not. */
function systemCache(): string {
  if (isRoot() && process.platform === 'linux') return '/var/cache'
  if (process.platform === 'win32') return process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches')
  const configured = process.env['XDG_CACHE_HOME']
  return configured?.startsWith('/') ? configured : join(homedir(), '.cache')
}

function isUsable(folder: string, uid: number | undefined): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: isRoot() ? 0o755 : 0o700 })
    const stat = lstatSync(folder)
    const isOurs = uid === undefined || (stat.uid === uid && (stat.mode & 0o022) === 0)
    accessSync(folder, constants.W_OK)
    return stat.isDirectory() && isOurs
  } catch {
    return false
  }
}
