// Checks every package that is not private as it would be published: packs it, has publint look at exports and
// types in the tarball, and looks through it for what nobody else should get: tests, failpoints, grafts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folders = [
  'schemas',
  ...['packages', 'services'].flatMap((room) =>
    readdirSync(join(root, room)).map((name) => join(room, name)),
  ),
]
const manifests = folders
  .map((folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')))
  .filter((manifest) => !manifest.private)
const scratch = mkdtempSync(join(tmpdir(), 'troupe-publint-'))
let failed = 0
try {
  // All in one command: starting pnpm takes longer than packing does.
  const filters = manifests.flatMap(({ name }) => ['--filter', name])
  const packed = run('pnpm', ['--recursive', ...filters, 'pack', '--pack-destination', scratch])
  if (packed.status !== 0) {
    process.stderr.write(`The packages cannot be packed:\n${packed.said}\n`)
    failed++
  }
  for (const manifest of packed.status === 0 ? manifests : []) {
    const wrongs = await wrongsOf(manifest)
    process.stderr.write(wrongs.length === 0 ? `ok ${manifest.name}\n` : `${wrongs.join('\n')}\n`)
    if (wrongs.length > 0) failed++
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.exitCode = failed === 0 ? 0 : 1

async function wrongsOf({ name, version }) {
  const tarball = join(scratch, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  const { buffer, byteOffset, byteLength } = readFileSync(tarball)
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: buffer.slice(byteOffset, byteOffset + byteLength) },
  })
  const errors = messages.filter(({ type }) => type === 'error')
  return [
    ...errors.map((message) => `${name}: ${formatMessage(message, pkg, { color: false })}`),
    ...strangersIn(tarball, name),
  ]
}

/** What is in the tarball and should not be. */
function strangersIn(tarball, name) {
  const into = `${tarball}.unpacked`
  mkdirSync(into)
  const unpacked = run('tar', ['-xzf', tarball, '-C', into])
  if (unpacked.status !== 0) return [`${name}: the tarball cannot be unpacked: ${unpacked.said}`]
  const files = readdirSync(join(into, 'package'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  if (!files.some((file) => /\bdist\b.*\.js$/.test(file))) return [`${name} would be published unbuilt.`]
  return files.flatMap((file) => {
    const path = file.slice(join(into, 'package').length + 1)
    const would = `${name} would publish ${path}`
    // npm packs some files by name whatever `files` says: package.json, and all that begin with README or LICENSE.
    if (/\.(type-)?test\.|(^|\/)__tests__\//.test(path)) return [`${would}, which is a test's.`]
    const text = path.endsWith('.map') ? '' : readFileSync(file, 'utf8')
    const found = /fail-?point|graft/i.exec(`${path}\n${text}`)
    return found ? [`${would}, which speaks of "${found[0]}": failpoints are grafted on in tests only.`] : []
  })
}

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1_024 * 1_024,
  })
  return { status, said: `${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`.trim() }
}
