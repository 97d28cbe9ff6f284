import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { runCli } from '../cli/run-cli.ts'

const file = 'order/OrderReceived.avsc'
// Run from a git hook, these would point git at the repository of the hook.
for (const name of Object.keys(process.env)) if (name.startsWith('GIT_')) delete process.env[name]

let top: string
let repository: string
let schemas: string

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'troupe-compat-'))
  repository = join(top, 'repository')
  schemas = join(repository, 'schemas')
  await mkdir(schemas, { recursive: true })
  git('init', '--quiet', '--initial-branch=main')
})

afterEach(() => rm(top, { recursive: true, force: true }))

describe('compat', () => {
  it('finds nothing wrong with what agrees with all its versions', async () => {
    await commit(schemaOf([]))
    await commit(schemaOf([field('note', 'string', '')]))
    await write(schemaOf([field('note', 'string', ''), field('gift', 'boolean', false)]))
    const { code, out } = await compat()
    expect(out).toContain('1 schemas agree both ways with 2 committed versions')
    expect(code).toBe(0)
  })

  it('names file, version, field, reason and what to do', async () => {
    await commit(schemaOf([]))
    await write(schemaOf([field('note', 'string')]))
    const { code, error } = await compat()
    expect(code).toBe(1)
    expect(error).toMatch(
      /^order\/OrderReceived\.avsc is not compatible with its version of \d{4}-\d\d-\d\d \([0-9a-f]{10}\):\n {2}field note is new and has no default, .* Give it a default\.$/m,
    )
  })

  it('compares what is committed too, and not only the working tree', async () => {
    await commit(schemaOf([]))
    await commit(schemaOf([field('note', 'string')]))
    expect((await compat()).code).toBe(1)
  })

  it('compares with all versions: a field that went may not come back as something else', async () => {
    await commit(schemaOf([field('note', 'string', '')]))
    await commit(schemaOf([]))
    await write(schemaOf([field('note', 'int', 0)]))
    const { code, error } = await compat()
    expect(code).toBe(1)
    expect(error).toContain('field note is int and was string')
  })

  it('compares only from a base on, if there is one', async () => {
    await commit(schemaOf([]))
    await commit(schemaOf([field('note', 'string')]))
    git('tag', 'broken-on-purpose')
    await commit(schemaOf([field('note', 'string'), field('gift', 'boolean', false)]))
    expect((await compat()).code).toBe(1)
    const since = await compat('--base', 'broken-on-purpose')
    expect(since.out).toContain('with 2 committed versions')
    expect(since.code).toBe(0)
    await write(schemaOf([field('gift', 'boolean', false)]))
    expect((await compat('--base', 'broken-on-purpose')).error).toContain('field note is gone')
  })

  it('sees what only a merge brought', async () => {
    await commit(schemaOf([]))
    git('checkout', '--quiet', '-b', 'side')
    await commit(schemaOf([field('side', 'string', '')]))
    git('checkout', '--quiet', 'main')
    await commit(schemaOf([field('main', 'string', '')]))
    git('merge', '--no-commit', '--strategy=ours', 'side')
    await commit(schemaOf([field('merged', 'int', 0)]))
    await write(schemaOf([field('merged', 'string', '')]))
    expect((await compat()).error).toContain('field merged is string and was int')
  })

  it('refuses that an event is gone', async () => {
    await commit(schemaOf([]))
    await write(schemaOf([], 'OrderCancelled'), 'order/OrderCancelled.avsc')
    await rm(join(schemas, file))
    const { code, error } = await compat()
    expect(code).toBe(1)
    expect(error).toContain('order/OrderReceived.avsc is gone')
  })

  it('says what it cannot compare in a shallow clone, and compares the rest', async () => {
    await commit(schemaOf([]))
    await commit(schemaOf([field('note', 'string', '')]))
    const clone = join(top, 'clone')
    execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${repository}`, clone])
    schemas = join(clone, 'schemas')
    const same = await compat()
    expect(same.error).toContain('This clone is shallow')
    expect(same.code).toBe(0)
    await write(schemaOf([field('note', 'int', 0)]))
    expect((await compat()).code).toBe(1)
    expect((await compat('--base', 'HEAD~1')).error).toContain('This clone is shallow: fetch the base first')
  })

  it('says that there is nothing to compare with before the first commit', async () => {
    await write(schemaOf([]))
    const { code, error } = await compat()
    expect(error).toContain('order/OrderReceived.avsc was never committed')
    expect(code).toBe(0)
  })

  it('passes over a committed version that is no schema, and says so', async () => {
    await commit('{ half')
    await commit(schemaOf([]))
    const { code, error } = await compat()
    expect(error).toContain('order/OrderReceived.avsc was no Avro schema on')
    expect(code).toBe(0)
  })

  it.each([['nope'], ['--help'], ['; touch /tmp/x']])('refuses a base that is none: %s', async (base) => {
    await commit(schemaOf([]))
    const { code, error } = await compat(`--base=${base}`)
    expect(error).toContain(`git knows no commit "${base}"`)
    expect(code).toBe(2)
  })

  it('refuses to compare outside of a repository', async () => {
    await write(schemaOf([]))
    await rm(join(repository, '.git'), { recursive: true })
    const { code, error } = await compat()
    expect(error).toContain('Run this in a git repository')
    expect(code).toBe(2)
  })
})

async function compat(...args: readonly string[]) {
  const out: string[] = []
  const error: string[] = []
  const code = await runCli(['compat', schemas, ...args], {
    out: (text) => out.push(text),
    error: (text) => error.push(text),
  })
  return { code, out: out.join('\n'), error: error.join('\n') }
}

function field(name: string, type: string, value?: unknown) {
  return { name, type, doc: 'A field.', ...(value === undefined ? {} : { default: value }) }
}

function schemaOf(fields: readonly object[], name = 'OrderReceived'): string {
  return JSON.stringify({
    type: 'record',
    name,
    namespace: 'order',
    doc: 'An event.',
    key: 'orderId',
    fields: [{ name: 'orderId', type: 'string', doc: 'The order.' }, ...fields],
  })
}

async function write(text: string, path = file): Promise<void> {
  await mkdir(dirname(join(schemas, path)), { recursive: true })
  await writeFile(join(schemas, path), text)
}

async function commit(text: string): Promise<void> {
  await write(text)
  git('add', '--all')
  git('commit', '--quiet', '--message=change')
}

function git(...args: readonly string[]): void {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false']
  execFileSync('git', ['-C', repository, ...identity, ...args], { stdio: 'pipe' })
}
