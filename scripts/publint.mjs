// Checks every package that is not private as it would be published: exports, types, files.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folders = [
  'schemas',
  ...['packages', 'services'].flatMap((room) =>
    readdirSync(join(root, room)).map((name) => join(room, name)),
  ),
]
let failed = 0
for (const folder of folders) {
  const { name, private: isPrivate } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  if (isPrivate) continue
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/publint/src/cli.js'), folder, '--strict', '--pack', 'pnpm'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  process.stderr.write(status === 0 ? `ok ${name}\n` : `${stdout}${stderr}`)
  if (status !== 0) failed++
}
process.exitCode = failed === 0 ? 0 : 1
