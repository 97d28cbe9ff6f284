// Does all set-up a script of package.json needs: installs when the lockfile or a manifest changed
// since the last time, then builds. Chatter goes to stderr, so that a command's stdout is data only.
//
// pnpm could install by itself (`verifyDepsBeforeRun`), but it would do so silently here: the
// workspace sets `reporter: silent` to keep pnpm's script banner off stdout.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(root, 'node_modules', '.troupe-setup')

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Troupe needs Node 20.19 or newer; this is ${process.version}. Install a newer Node and try again.`)
}

// Whoever set it has built all there is, and has commands run side by side that read it.
if (process.env.TROUPE_IS_BUILT === '1') process.exit(0)

const stamp = fingerprint()
if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
  process.stderr.write('Installing dependencies (first run or changed lockfile) …\n')
  // A developer who has just added a package has no lockfile that knows it; CI must not make one up.
  const lockfile = process.env.CI ? '--frozen-lockfile' : '--no-frozen-lockfile'
  run('pnpm', ['install', lockfile, '--prefer-offline', '--reporter=append-only'], 'Installing dependencies')
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, fingerprint())
}
// `--only PACKAGE` builds one package and what it needs: the generator must run before what it generates is there.
const only = process.argv.indexOf('--only')
const filter = only < 0 ? [] : [`--filter=${process.argv[only + 1]}`]
run('pnpm', ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', ...filter], 'Building')

/** What an install depends on, as one hash. */
function fingerprint() {
  const hash = createHash('sha256').update(process.versions.modules)
  const places = [
    '.',
    'schemas',
    'bench',
    'bench/baseline',
    'chaos',
    ...under('packages'),
    ...under('services'),
  ]
  const manifests = places.map((folder) => join(folder, 'package.json'))
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests]) {
    const path = join(root, file)
    if (existsSync(path)) hash.update(file).update(readFileSync(path))
  }
  return hash.digest('hex')
}

function under(folder) {
  return readdirSync(join(root, folder)).map((name) => join(folder, name))
}

function run(command, args, doing) {
  const quiet = existsSync(stampFile) && args.includes('turbo')
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
    // A warm build says nothing unless it fails.
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2],
    shell: process.platform === 'win32',
    encoding: 'utf8',
  })
  if (status === 0) return
  if (quiet) process.stderr.write(`${stdout}${stderr}`)
  fail(`${doing} failed${error ? `: ${error.message}` : ''}. What ${command} said stands above.`)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
