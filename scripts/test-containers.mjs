// Runs the harness and contract tests on Apache Kafka, a Schema Registry and PostgreSQL in containers.
//
// The same files as `pnpm test`, unchanged: `TROUPE_STACK` alone says where they run. Tests that take a part of
// the stack away put a proxy before it, which takes it away from them alone. Left out are tests of the embedded
// stack itself, and those of processes that start one: the demo, `play`, TLS by a proxy, `kill -9`.
//
// Where there is no Docker it says in one line what it skipped and how to get it, and ends well;
// with `--required` it fails instead. Other arguments go to Jest: `pnpm test:containers -t 'out of stock'`.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Each is a test of this repository; a path that is no more is an error, not fewer tests. */
const files = [
  'services/inventory/src/inventory.int.test.ts',
  'services/stories/src/stories.int.test.ts',
  'services/stories/src/conversations.int.test.ts',
  'services/stories/src/faults.int.test.ts',
  'services/stories/src/balance.int.test.ts',
  'services/stories/src/traces.int.test.ts',
  'packages/testing/src/harness.int.test.ts',
  'packages/testing/src/snippets.int.test.ts',
  'packages/testing/src/stack/shared-stack.int.test.ts',
  'packages/testing/src/testcontainers/start-real-stack.container.test.ts',
  'packages/testing/src/testcontainers/interrupted.container.test.ts',
  'packages/testing/src/testcontainers/secured-kafka.container.test.ts',
  'packages/cli/src/admin/operating.int.test.ts',
  'packages/postgres/src/postgres-ledger.int.test.ts',
  'packages/postgres/src/model.int.test.ts',
  'packages/postgres/src/migrations/migrate.int.test.ts',
  'packages/postgres/src/failures.int.test.ts',
  'packages/postgres/src/plans.int.test.ts',
  'packages/postgres/src/shared-flights.int.test.ts',
  'packages/postgres/src/wire/flight.int.test.ts',
  'packages/postgres/src/tables/postgres-tables.int.test.ts',
  'packages/runtime/src/service/create-service.int.test.ts',
  'packages/runtime/src/http/http.int.test.ts',
  'packages/runtime/src/batch/lethal.int.test.ts',
  'packages/runtime/src/batch/bad-input.int.test.ts',
  'packages/runtime/src/schemas/schemas.int.test.ts',
  'packages/runtime/src/aside/set-aside.int.test.ts',
  'packages/runtime/src/service/stopping.int.test.ts',
  'packages/avro/src/codec/create-codec.int.test.ts',
  'packages/kafka/src/receive/growth.int.test.ts',
  'packages/kafka/src/receive/backlog.int.test.ts',
  'packages/kafka/src/client/guard-data.int.test.ts',
  'packages/kafka/src/receive/received-bytes.int.test.ts',
  'packages/kafka/src/relay/relay-faults.int.test.ts',
  'packages/kafka/src/receive/log-ends.int.test.ts',
  'packages/kafka/src/client/namespace.int.test.ts',
  'packages/kafka/src/receive/receive.int.test.ts',
  'packages/kafka/src/relay/relay.int.test.ts',
  'packages/kafka/src/receive/replaced-topic.int.test.ts',
  'packages/kafka/src/client/kafkajs-faults.int.test.ts',
  'packages/kafka/src/topics/topics.int.test.ts',
  'packages/kafka/src/receive/fetch-turns.int.test.ts',
  'packages/kafka/src/client/ping.int.test.ts',
]

/** What asks `TROUPE_STACK` where to run: a test of such a stack is listed above, or here with the reason. */
const asking = ['EventTestHarness', 'startTestStack', 'startStores', 'startParts', 'withBroker']
const notHere = {
  'packages/kafka/src/receive/receive-stuck.int.test.ts': 'each of its brokers misbehaves on request',
  'packages/runtime/src/batch/back-pressure.int.test.ts': 'its broker misbehaves on request',
  'packages/testing/src/testcontainers/docker-problem.int.test.ts': 'it is about having no engine',
}

const missing = [...files, ...Object.keys(notHere)].filter((file) => !existsSync(join(root, file)))
if (missing.length > 0) fail(`These tests are not there any more: ${missing.join(', ')}.`)
const forgotten = testsOfStacks().filter((file) => !files.includes(file) && !(file in notHere))
if (forgotten.length > 0) {
  fail(
    `These tests run on the stack that TROUPE_STACK names, but are not in the lists of scripts/test-containers.mjs: ${forgotten.join(', ')}. Add each to 'files', or to 'notHere' with the reason.`,
  )
}
// `--list` only looks at the lists, which is cheap, and needs no engine.
if (process.argv.includes('--list')) {
  process.stdout.write(`${files.length} test files run on containers.\n`)
  process.exit(0)
}

const given = process.argv.slice(2).filter((argument) => argument !== '--')
const isRequired = given.includes('--required')
const rest = given.filter((argument) => argument !== '--required')

// Loaded only now: the lists can be looked at before anything is built.
const { dockerProblem } = await import('../packages/testing/dist/testcontainers/index.js')
const problem = await dockerProblem()
if (problem) {
  const line = `Skipped ${files.length} test files on containers: ${problem.message}`
  if (isRequired) fail(line)
  process.stdout.write(`${line}\n`)
  process.exit(0)
}

const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
const patterns = rest.some((argument) => argument.endsWith('.ts')) ? [] : ['--runTestsByPath', ...files]
const child = spawn(
  process.execPath,
  ['--experimental-vm-modules', '--no-warnings', jest, ...rest, ...patterns],
  { cwd: root, env: { ...process.env, TROUPE_STACK: 'testcontainers' }, stdio: 'inherit' },
)
// An interrupt reaches Jest as well, which stops the containers before it goes.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', ({ message }) => fail(`Jest could not be started: ${message}`))
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 130))

function testsOfStacks() {
  const { stdout, status, stderr } = spawnSync(
    'git',
    ['ls-files', '-co', '--exclude-standard', '*.int.test.ts'],
    { cwd: root, encoding: 'utf8' },
  )
  if (status !== 0) fail(`git cannot list the tests: ${stderr}`)
  return stdout
    .split('\n')
    .filter((file) => file !== '' && existsSync(join(root, file)))
    .filter((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      return asking.some((name) => new RegExp(`\\b${name}\\b`).test(text))
    })
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
