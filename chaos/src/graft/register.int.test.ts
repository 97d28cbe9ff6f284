// Real processes: what `node --import` makes of the compiled modules.
import { describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { moduleUrl } from './graft.ts'

const register = new URL('../../dist/graft/register.js', import.meta.url).href
const settle = moduleUrl('runtime/batch/settle', 'dist').href

/** Settles twice in a process of its own, and says what came of it. */
const program = `
  const { settle, nothing } = await import(${JSON.stringify(settle)})
  const options = {
    ledger: { settle: async () => (console.log('settled'), { predecessors: [] }) },
    relay: { takePublished: () => ['one'], restore() {}, confirmDeleted() {} },
    dependencies: { insist: (name, doing, attempt) => attempt() },
  }
  for (const time of [1, 2]) await settle(nothing, options).catch(({ message }) => console.log(message))`

async function run(grafts: string): Promise<{ out: string; err: string; end: unknown }> {
  const child = spawn(process.execPath, ['--import', register, '--input-type=module', '-e', program], {
    env: { ...process.env, NODE_OPTIONS: '', TROUPE_GRAFTS: grafts },
  })
  const read = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (read.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (read.err += text))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { ...read, end: code ?? signal }
}

describe('A process with grafts', () => {
  it('is what it is where none is named', async () => {
    expect(await run('')).toEqual({ out: 'settled\nsettled\n', err: '', end: 0 })
  })

  it('is killed at the failpoint, at the time that was named', async () => {
    const { out, err, end } = await run('after-commit:kill@2')
    expect(out).toBe('settled\nsettled\n')
    expect(err).toContain('failpoint after-commit:kill@2')
    expect(end).toBe('SIGKILL')
  })

  it('fails at the failpoint, and only there', async () => {
    const { out, end } = await run('before-outbox-delete:throw@2')
    expect(out).toBe('settled\nThe failpoint before-outbox-delete was reached for the 2. time.\n')
    expect(end).toBe(0)
  })

  it('does not start where a graft is named that nobody knows', async () => {
    const { out, err, end } = await run('after-comit:kill')
    expect(out).toBe('')
    expect(err).toContain('TROUPE_GRAFTS names "after-comit:kill"')
    expect(end).toBe(1)
  })
})
