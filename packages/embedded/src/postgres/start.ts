// From options to a server that answers, and back.
//
// The order of a start matters: the folder's lock first (nobody else may touch what follows), then
// the watchdog (from here on a crash is cleaned up), then data, server and password.
// Stopping goes the other way round: server, folder, watchdog, lock.
import { execFile } from 'node:child_process'
import { rename, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { EmbeddedError, messageOf } from '../embedded-error.ts'
import type { EmbeddedLog } from '../stack/log.ts'
import { removeFolder } from '../stack/remove-folder.ts'
import { executableBinaries, locateBinaries, type Binaries } from './binaries.ts'
import { cacheFolder } from './cache.ts'
import { connectionUrl, createDatabase, takeOver, type DatabaseOptions } from './databases.ts'
import { serverEnvironment } from './environment.ts'
import {
  checkDataVersion,
  closedFolder,
  correctOwner,
  endServerOf,
  giveTo,
  hasData,
  keepPasswords,
  makeThrowawayFolder,
  openKeptFolder,
  readPasswords,
  removeAbandonedFolders,
  type ClusterFolder,
} from './folders.ts'
import { closedFolderOnTheWayTo, identityFor, type Identity } from './identity.ts'
import { probePort } from './port.ts'
import { randomPassword } from './scram.ts'
import { logTail, startServer, type Server, type ServerExit } from './server.ts'
import { hostBasedAuthentication, serverSettings } from './settings.ts'
import { copyTemplate, ensureTemplate, superuser } from './template.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

export interface PostgresOptions {
  /** Where to listen; `127.0.0.1` unless given. */
  host?: string
  /** 0, the default, takes any free port. */
  port?: number
  /** Keeps the data in this folder; a folder under the system's temporary one, removed on stop, unless given. */
  dir?: string
  /** False trades safety against power cuts for speed; a crash of processes loses nothing either way. True unless given. */
  fsync?: boolean
  /** Settings of postgresql.conf, which win over this package's own. */
  settings?: Readonly<Record<string, string | number | boolean>>
  /** What happens to the server, for a person; never a password. */
  log?: EmbeddedLog
  /** An existing folder to keep the initialised template in; the user's cache folder unless given. */
  cacheDir?: string
}

/** A PostgreSQL server that lives as long as the process that started it, or until `stop`. */
export interface EmbeddedPostgres {
  /** The superuser's URL, to the database `postgres`. Changes with every start. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** The postmaster. */
  readonly pid: number
  /** Resolves when the server is gone, `expected` or not. */
  readonly exited: Promise<ServerExit>
  /**
   * Makes a database with a role of its own and says its URL. What exists is kept and gets the new
   * password, so that a kept folder is served by the same calls.
   * @throws EmbeddedError BAD_OPTION, STOPPED
   */
  createDatabase(options: DatabaseOptions): Promise<string>
  /** Stops the server and removes what is not to be kept. Harmless when called twice. */
  stop(): Promise<void>
}

const run = promisify(execFile)
const portAttemptsMax = 5

/**
 * Starts a PostgreSQL server of its own.
 * @throws EmbeddedError; everything that was started and made by then is stopped and removed.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<EmbeddedPostgres> {
  const { host = '127.0.0.1', port = 0, fsync = true, settings = {}, log = () => {} } = options
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new EmbeddedError('BAD_OPTION', `port: ${port} is not a port; take 0 to 65535, 0 for any free one.`)
  }
  // A wrong name is refused before anything is made.
  serverSettings({ host, port, fsync, settings })
  const located = locateBinaries()
  const kept = options.dir === undefined ? undefined : openKeptFolder(options.dir)
  const undo: (() => Promise<void> | void)[] = [() => kept?.lock.release()]
  try {
    const identity = await identityFor(kept?.data)
    const cache = options.cacheDir === undefined ? cacheFolder(identity) : cacheIn(options.cacheDir, identity)
    const binaries = await executableBinaries(located, identity, cache)
    await removeAbandonedFolders(identity).catch((error: unknown) => {
      log('warn', `Folders left behind by earlier crashes could not be removed: ${messageOf(error)}`)
    })
    const folder = kept ?? makeThrowawayFolder(identity)
    const watchdog = startWatchdog(folder.data, folder.isThrowaway ? folder.root : undefined, (message) => {
      log('warn', message)
    })
    undo.push(() => watchdog.dismiss())
    if (folder.isThrowaway) undo.push(() => removeFolder(folder.root))
    const dataPath = giveTo(identity, folder)
    const cluster: Cluster = { binaries, identity, folder, dataPath, watchdog, log }
    const known = await prepareData(cluster, { cache, fsync })
    await writeFile(`${folder.data}/pg_hba.conf`, hostBasedAuthentication(host))
    const started = await startOnFreePort(cluster, { host, port, fsync, settings })
    undo.push(() => started.server.stop())
    const password = randomPassword()
    // Whichever of these two lines a crash comes after, the file holds a password that opens.
    if (kept) await keepPasswords(folder, identity, [password, ...known])
    await takeOver({ host, port: started.port }, known, password)
    if (kept) await keepPasswords(folder, identity, [password])
    return handle(cluster, { host, port: started.port }, started.server, password)
  } catch (error) {
    for (const step of undo.toReversed()) {
      await Promise.resolve(step()).catch((failure: unknown) => log('warn', messageOf(failure)))
    }
    throw error
  }
}

interface Cluster {
  binaries: Binaries
  identity: Identity
  folder: ClusterFolder
  /** How the server calls `folder.data`. */
  dataPath: string
  watchdog: Watchdog
  log: EmbeddedLog
}

/** Sees to it that there is a cluster in the folder that nobody serves; says which passwords may open it. */
async function prepareData(
  { binaries, identity, folder, dataPath, log }: Cluster,
  { cache, fsync }: { cache: string | undefined; fsync: boolean },
): Promise<string[]> {
  if (hasData(folder)) {
    checkDataVersion(folder, binaries)
    const orphan = await endServerOf(folder.data)
    if (orphan !== undefined) {
      log('warn', `Stopped PostgreSQL (process ${orphan}), which had outlived its parent.`)
    }
    await correctOwner(folder, identity)
    return readPasswords(folder)
  }
  const template = await ensureTemplate(binaries, identity, cache)
  try {
    if (!folder.isThrowaway) await keepPasswords(folder, identity, [template.password])
    await copyTemplate(template, folder.data)
  } finally {
    if (template.isForOneStart) await removeFolder(template.folder)
  }
  if (!folder.isThrowaway && fsync) {
    const sync = ['--sync-only', `--pgdata=${dataPath}`]
    await run(binaries.initdb, sync, { ...identity, cwd: folder.data, env: serverEnvironment() })
  }
  return [template.password]
}

async function startOnFreePort(
  { binaries, identity, folder, dataPath, watchdog }: Cluster,
  wanted: Parameters<typeof serverSettings>[0],
): Promise<{ server: Server; port: number }> {
  await rename(folder.log, `${folder.log}.previous`).catch(() => {})
  for (let attempt = 1; ; attempt += 1) {
    const port = await probePort(wanted.host, wanted.port)
    try {
      const server = await startServer({
        executable: binaries.postgres,
        identity,
        dataFolder: folder.data,
        dataPath,
        logFile: folder.log,
        settings: serverSettings({ ...wanted, port }),
        onSpawn: (pid) => watchdog.guard(pid),
      })
      return { server, port }
    } catch (error) {
      // Somebody took the port between the probe and the server; with any port welcome, try another.
      const isLostRace = error instanceof EmbeddedError && error.code === 'PORT_TAKEN'
      if (!isLostRace || wanted.port !== 0 || attempt === portAttemptsMax) throw error
      await rm(folder.log, { force: true })
    }
  }
}

function handle(
  { folder, watchdog, log }: Cluster,
  address: { host: string; port: number },
  server: Server,
  password: string,
): EmbeddedPostgres {
  let stopped: Promise<void> | undefined
  void reportUnexpectedEnd(server, folder, log)
  return {
    ...address,
    url: connectionUrl(address, { user: superuser, password, database: 'postgres' }),
    pid: server.pid,
    exited: server.exited,
    createDatabase: async (options) => {
      if (stopped) throw new EmbeddedError('STOPPED', 'This PostgreSQL has been stopped.')
      return createDatabase(address, password, options)
    },
    stop: () => {
      stopped ??= (async () => {
        await server.stop()
        if (folder.isThrowaway) await removeFolder(folder.root)
        else folder.lock.release()
        await watchdog.dismiss()
      })()
      return stopped
    },
  }
}

async function reportUnexpectedEnd(server: Server, folder: ClusterFolder, log: EmbeddedLog): Promise<void> {
  const { expected, reason } = await server.exited
  if (expected) return
  log('error', `PostgreSQL (process ${server.pid}) ended by itself: ${reason}.\n${logTail(folder.log)}`)
}

/** The caller's own cache folder, which must exist. */
function cacheIn(dir: string, identity: Identity): string {
  const closed = closedFolderOnTheWayTo(dir, identity)
  if (closed !== undefined) throw closedFolder(closed, dir, identity)
  return dir
}
