import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { EmbeddedError } from '../embedded-error.ts'

/**
 * Whom the server runs as. PostgreSQL refuses to run as root, so root runs it as somebody else;
 * any other user runs it as himself, and uid and gid are absent.
 */
export interface Identity {
  uid?: number
  gid?: number
}

/** System users that root runs the server as, the first that exists. Nothing is added to the system. */
const unprivilegedUsers = ['postgres', 'nobody']

const run = promisify(execFile)

/** Whether this process is root, which is what makes everything in this file necessary. */
export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/**
 * Whom to run as. A data folder that exists already decides: only its owner may open it.
 * @throws EmbeddedError BINARIES_UNUSABLE when root finds nobody to run the server as.
 */
export async function identityFor(dataFolder?: string): Promise<Identity> {
  if (!isRoot()) return {}
  const owner = dataFolder === undefined ? undefined : statSync(dataFolder, { throwIfNoEntry: false })
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  for (const name of unprivilegedUsers) {
    const ids = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]).catch(() => undefined)
    const [uid, gid] = ids?.map(({ stdout }) => Number.parseInt(stdout, 10)) ?? []
    if (uid && gid) return { uid, gid }
  }
  throw new EmbeddedError(
    'BINARIES_UNUSABLE',
    `PostgreSQL does not run as root, and there is no user ${unprivilegedUsers.join(' or ')} to run it as. ` +
      'Add one (useradd --system postgres), or start this process as an ordinary user.',
  )
}

/**
 * The first folder on the way to `path` that the identity may not enter; undefined when the way is
 * open. Only root starts the server as somebody else, so only there can the way be closed.
 */
export function closedFolderOnTheWayTo(path: string, { uid, gid }: Identity): string | undefined {
  if (uid === undefined) return undefined
  const closed: string[] = []
  for (let folder = path; ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false })
    if (stat) {
      const bit = stat.uid === uid ? 0o100 : stat.gid === gid ? 0o010 : 0o001
      if ((stat.mode & bit) === 0) closed.push(folder)
    }
    if (dirname(folder) === folder) return closed.at(-1)
  }
}

/** The system's temporary folder, or where root's own is closed to the identity, another one. */
export function temporaryFolderFor(identity: Identity): string {
  const bases = [tmpdir(), '/tmp', '/var/tmp']
  return bases.find((folder) => closedFolderOnTheWayTo(folder, identity) === undefined) ?? tmpdir()
}
