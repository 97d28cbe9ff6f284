// Tests docker compose: builds the images, starts whole ecosystems, kills parts of them. Needs a Docker
// engine; without one it says in one line what was skipped, or fails, with `--required`. Other arguments go to
// Jest.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const options = { cwd: root, encoding: 'utf8', stdio: 'pipe' }

const engine = spawnSync('docker', ['info', '--format', '{{.ServerVersion}}'], options)
const missing =
  engine.error?.code === 'ENOENT' ? 'docker is not installed' : engine.stderr?.trim().split('\n')[0]
const hasDocker = engine.status === 0
const given = process.argv.slice(2).filter((argument) => argument !== '--')
const isRequired = given.includes('--required')
if (isRequired && !hasDocker) {
  process.stderr.write(`The tests of docker compose are required, and cannot run: ${missing}.\n`)
  process.exit(1)
}

run(['node_modules/typescript/bin/tsc', '--project', 'compose'])
run([
  '--experimental-vm-modules',
  '--no-warnings',
  'node_modules/jest/bin/jest.js',
  '--config',
  'compose/jest.config.ts',
  '--runInBand',
  ...(hasDocker ? [] : ['--testPathIgnorePatterns', String.raw`\.container\.test\.ts$`]),
  ...given.filter((argument) => argument !== '--required'),
])

if (!hasDocker) {
  process.stdout.write(
    `SKIPPED: the tests of docker compose on containers (${missing}). Start a Docker engine, 25 or newer, and run this again.\n`,
  )
}

function run(args) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? (signal ? 130 : 1))
}
