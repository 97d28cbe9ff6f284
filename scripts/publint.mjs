// Checks every package that is not private as it would be published: packs it, has publint look at exports and
// types in the tarball, and looks through it for what nobody else should get: tests, failpoints, grafts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folders = [
  'schemas',
  ...['packages', 'services'].flatMap((room) =>
    readdirSync(join(root, room)).map((name) => join(room, name)),
  ),
]
const scratch = mkdtempSync(join(tmpdir(), 'troupe-publint-'))
let failed = 0
try {
  for (const folder of folders) {
    const { name, private: isPrivate } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    if (isPrivate) continue
    const wrongs = wrongsOf(folder)
    process.stderr.write(wrongs.length === 0 ? `ok ${name}\n` : `${wrongs.join('\n')}\n`)
    if (wrongs.length > 0) failed++
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.exitCode = failed === 0 ? 0 : 1

function wrongsOf(folder) {
  const into = join(scratch, folder)
  mkdirSync(into, { recursive: true })
  const packed = run('pnpm', ['pack', '--pack-destination', into], join(root, folder))
  if (packed.status !== 0) return [`${folder} cannot be packed:`, packed.said]
  const tarball = join(
    into,
    readdirSync(into).find((file) => file.endsWith('.tgz')),
  )
  const looked = run(process.execPath, [join(root, 'node_modules/publint/src/cli.js'), tarball, '--strict'])
  return [...(looked.status === 0 ? [] : [looked.said]), ...strangersIn(tarball, into, folder)]
}

/** What is in the tarball and should not be. */
function strangersIn(tarball, into, folder) {
  const unpacked = run('tar', ['-xzf', basename(tarball)], into)
  if (unpacked.status !== 0) return [`${folder}: the tarball cannot be unpacked: ${unpacked.said}`]
  const files = readdirSync(join(into, 'package'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  if (!files.some((file) => /\bdist\b.*\.js$/.test(file))) return [`${folder} would be published unbuilt.`]
  return files.flatMap((file) => {
    const path = file.slice(join(into, 'package').length + 1)
    const would = `${folder} would publish ${path}`
    // npm packs some files by name whatever `files` says: package.json, and all that begin with README or LICENSE.
    if (/\.(type-)?test\.|(^|\/)__tests__\//.test(path)) return [`${would}, which is a test's.`]
    const text = path.endsWith('.map') ? '' : readFileSync(file, 'utf8')
    const found = /fail-?point|graft/i.exec(`${path}\n${text}`)
    return found ? [`${would}, which speaks of "${found[0]}": failpoints are grafted on in tests only.`] : []
  })
}

function run(command, args, cwd = root) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return { status, said: `${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`.trim() }
}
