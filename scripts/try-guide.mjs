// Follows a guide in a fresh clone, as a reader would, and fails where the guide does:
//
//   node scripts/try-guide.mjs docs/add-a-service.md
//
// In the order of the text, a block marked `file=path` is written to that path, one marked `apply` is a diff
// to be applied, and one marked `run` is run by a shell. Other blocks are for reading. The clone has what is
// committed; it is removed at the end.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [guide] = process.argv.slice(2)
if (guide === undefined) {
  process.stderr.write('Name the guide: node scripts/try-guide.mjs docs/add-a-service.md\n')
  process.exit(2)
}
const steps = [...readFileSync(guide, 'utf8').matchAll(/^```(\w+) (run|apply|file=(\S+))\n([\s\S]*?)^```$/gm)]
const folder = mkdtempSync(join(tmpdir(), 'troupe-guide-'))
try {
  run('git', ['clone', '--quiet', root, folder], tmpdir())
  for (const [, , what, path, body] of steps) follow(what, path, body)
  process.stdout.write(`${guide} works: ${steps.length} steps.\n`)
} catch (error) {
  process.stderr.write(`${guide} does not work. ${error.message}\n`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function follow(what, path, body) {
  if (what === 'run') {
    process.stdout.write(`${body}`)
    run('bash', ['-euo', 'pipefail', '-c', body])
  } else if (what === 'apply') {
    run('git', ['apply', '-'], folder, body)
  } else {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), body)
  }
}

function run(command, args, cwd = folder, input = '') {
  const { status, error } = spawnSync(command, args, { cwd, input, stdio: ['pipe', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`\`${input || args.at(-1)}\` failed${error ? `: ${error.message}` : ''}.`)
}
