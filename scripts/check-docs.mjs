// Sees that what the Markdown files say of this repository is so:
//
// - links lead to files that exist, and their `#anchors` to headings
// - paths in `code` exist
// - a link to a test file is labelled with a title that stands in that file
// - commands name scripts of package.json, and the version of pnpm that it names
// - `TROUPE_…` is a setting or an error code, and docs/settings.md has every setting
// - docs/failures.md has a row for each failure that a test's title names, and a test for each row that names one;
//   a title names one failure, so that `test -t 'failure 14:'` finds it
// - a code block marked `apply` is a diff that applies
// - a code block marked `from=path` stands in that file, line by line; a line `…` stands for lines left out
//
// Says every place that is wrong, and exits with 1 if there is one. Reads files only.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { scripts, packageManager } = JSON.parse(read('package.json'))
/** What pnpm does without a script. */
const builtIn = new Set(['install', 'exec'])
const codes = new Set(
  [
    'packages/core/src/errors.ts',
    'packages/runtime/src/settings/environment.ts',
    'packages/cli/src/admin/options.ts',
    'packages/testing/src/stack/choose-stack.ts',
    'packages/testing/src/testcontainers/images.ts',
    'packages/testing/src/testcontainers/start-real-stack.ts',
    'chaos/src/graft/choose.ts',
  ].flatMap((file) => read(file).match(/TROUPE_[A-Z_]+/g) ?? []),
)
const topFolders = new Set(['packages', 'services', 'schemas', 'bench', 'chaos', 'docs', 'scripts', '.ci'])

const files = filesOf('*.md')
const wrongs = [...files.flatMap(checkFile), ...missingSettings(), ...wrongFailures()]
for (const wrong of wrongs) process.stderr.write(`${wrong}\n`)
if (wrongs.length > 0) process.exit(1)
process.stdout.write(`${files.length} Markdown files say what is so.\n`)

function checkFile(file) {
  const { blocks, lines } = partsOf(read(file))
  /** Files that a guide has its reader write. */
  const toBeWritten = new Set(blocks.flatMap(({ info }) => info.match(/(?<=\bfile=)\S+/) ?? []))
  const wrongs = []
  for (const { text, number, isCode } of lines) {
    const found = [
      ...wrongCommands(text),
      ...wrongCodes(text),
      ...(isCode ? [] : [...wrongLinks(text, file), ...wrongPaths(text, file, toBeWritten)]),
    ]
    wrongs.push(...found.map((what) => `${file}:${number} ${what}`))
  }
  for (const block of blocks) {
    const found = [...wrongExcerpts(block), ...wrongDiffs(block)]
    wrongs.push(...found.map((what) => `${file}:${block.number} ${what}`))
  }
  return wrongs
}

function wrongLinks(text, file) {
  return [...text.matchAll(/\[((?:`[^`]*`|[^\]`])*)\]\(([^)\s]+)\)/g)].flatMap(([, label, target]) => {
    if (/^[a-z]+:/.test(target)) return []
    const [path, anchor] = target.split('#')
    const linked = path === '' ? file : join(dirname(file), decodeURIComponent(path))
    if (!existsSync(join(root, linked))) return [`links to ${target}, which does not exist.`]
    if (anchor !== undefined && !anchorsOf(linked).has(anchor)) {
      return [`links to ${target}, and ${linked} has no such heading.`]
    }
    const isTitle = /\.test\.ts$|-cases\.ts$/.test(linked) && !label.startsWith('`')
    if (isTitle && !sourceOf(linked).includes(label)) {
      return [`names a test "${label}", which is not in ${linked}.`]
    }
    return []
  })
}

function wrongPaths(text, file, toBeWritten) {
  return [...text.matchAll(/`([^`]+)`/g)].flatMap(([, path]) => {
    const isPath = /^[\w@.-]+(\/[\w@.-]+)+\/?$/.test(path) && !path.includes('NNNN')
    if (!isPath || path.startsWith('@') || toBeWritten.has(path)) return []
    const isOurs = topFolders.has(path.split('/')[0]) || /\.(ts|mjs|js|md|json|avsc|yaml)$/.test(path)
    if (!isOurs || /(^|\/)dist\//.test(path)) return []
    const places = [root, join(root, 'packages'), join(root, dirname(file)), join(root, dirname(file), 'src')]
    if (places.some((place) => existsSync(resolve(place, path)))) return []
    return [`names ${path}, which does not exist.`]
  })
}

function wrongCommands(text) {
  return [...text.matchAll(/\bpnpm@(\d[\w.]*)(?: ([a-z][\w:-]*))?/g)].flatMap(([, version, script]) => [
    ...(packageManager === `pnpm@${version}`
      ? []
      : [`says pnpm@${version}; package.json says ${packageManager}.`]),
    ...(script === undefined || script in scripts || builtIn.has(script)
      ? []
      : [`runs the script ${script}, which package.json does not have.`]),
  ])
}

function wrongCodes(text) {
  return (text.match(/\bTROUPE_[A-Z_]*[A-Z]\b(?![…*])/g) ?? [])
    .filter((code) => !codes.has(code))
    .map((code) => `names ${code}, which is neither a setting nor an error code.`)
}

function missingSettings() {
  const settings = ['environment', 'secure-settings'].flatMap(
    (file) => read(`packages/runtime/src/settings/${file}.ts`).match(/(?<=^ {2})[A-Z][A-Z_]+(?=: )/gm) ?? [],
  )
  const described = read('docs/settings.md')
  return [...new Set(settings)]
    .filter((name) => !described.includes(`| \`${name}\` |`))
    .map((name) => `docs/settings.md does not describe ${name}.`)
}

function wrongFailures() {
  const scenarios = read('packages/runtime/src/simulation/scenarios.test.kit.ts')
  const simulated = new Set([...scenarios.matchAll(/\bscenario\((\d+)/g)].map(([, row]) => Number(row)))
  const titled = new Set(simulated)
  const unfindable = []
  for (const file of filesOf('*.test.ts')) {
    for (const [, row] of read(file).matchAll(/['"`]failures? (\d[^:'"`\n]*)/g)) {
      if (/^\d+$/.test(row)) titled.add(Number(row))
      else
        unfindable.push(`${file} has a title that begins with "failure ${row}"; a title names one failure.`)
    }
  }
  const rows = [...read('docs/failures.md').matchAll(/^\| (\d+) \|.*\| (.*) \|$/gm)]
  const wrongs = rows.flatMap(([, number, shownBy], index) => [
    ...(Number(number) === index + 1 ? [] : [`counts ${number} where ${index + 1} would be.`]),
    ...(shownBy === 'none' && titled.has(index + 1) ? [`says that no test shows ${number}; one does.`] : []),
    ...(shownBy.includes('the simulation') &&
    !simulated.has(Number(/in row (\d+)/.exec(shownBy)?.[1] ?? number))
      ? [`says that the simulation shows ${number}, which has no scenario.`]
      : []),
  ])
  const missing = [...titled].filter((row) => row > rows.length).map((row) => `has no row ${row}.`)
  return [...unfindable, ...[...wrongs, ...missing].map((what) => `docs/failures.md ${what}`)]
}

function wrongExcerpts({ info, body }) {
  const [from] = info.match(/(?<=\bfrom=)\S+/) ?? []
  if (from === undefined) return []
  if (!existsSync(join(root, from))) return [`quotes ${from}, which does not exist.`]
  const source = `\n${read(from)}\n`
  let at = 0
  for (const part of body.split(/^\s*(?:\/\/ )?…\s*$/m)) {
    const wanted = part.replace(/^\n+|\n+$/g, '')
    if (wanted === '') continue
    const found = source.indexOf(`\n${wanted}\n`, at)
    if (found < 0) return [`quotes ${from}, which does not say (or not in this order):\n${wanted}`]
    at = found + wanted.length
  }
  return []
}

function wrongDiffs({ info, body }) {
  if (!/\bapply\b/.test(info)) return []
  const { status, stderr } = spawnSync('git', ['apply', '--check', '-'], {
    cwd: root,
    input: `${body}\n`,
    encoding: 'utf8',
  })
  return status === 0 ? [] : [`has a diff that does not apply:\n${stderr.trim()}`]
}

/** A Markdown text as its lines and its fenced blocks. */
function partsOf(text) {
  const blocks = []
  const lines = []
  let open
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(line)
    if (fence && open) {
      blocks.push({ ...open, body: open.body.join('\n') })
      open = undefined
    } else if (fence) open = { info: fence[1], number: index + 1, body: [] }
    else {
      open?.body.push(line)
      lines.push({ text: line, number: index + 1, isCode: open !== undefined })
    }
  }
  return { blocks, lines }
}

/** Headings as GitHub anchors them. */
function anchorsOf(file) {
  if (statSync(join(root, file)).isDirectory()) return new Set()
  const headings = partsOf(read(file)).lines.filter(({ text, isCode }) => !isCode && /^#+ /.test(text))
  return new Set(
    headings.map(({ text }) =>
      text
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  )
}

/** A source file with its strings as they read: titles may be escaped. */
function sourceOf(file) {
  return read(file).replaceAll("\\'", "'")
}

function filesOf(...patterns) {
  const { stdout, status, stderr } = spawnSync(
    'git',
    ['ls-files', '-co', '--exclude-standard', ...patterns],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(`git cannot list ${patterns.join(', ')}: ${stderr}`)
  return stdout.split('\n').filter((file) => file !== '' && existsSync(join(root, file)))
}

function read(file) {
  return readFileSync(join(root, file), 'utf8')
}
