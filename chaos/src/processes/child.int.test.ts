import { describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { until } from '../world/until.ts'
import { compiled } from './compiled.ts'

const parent = join(compiled, 'processes', 'abandoned.process.test.kit.js')
/** Would run for a minute, if it ran. */
const sleeper = join(compiled, 'world', 'pause.js')

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('A process that is frozen', () => {
  it('does not outlive the SIGKILL of who started it', async () => {
    const starter = spawn(process.execPath, [parent, sleeper, '/dev/null'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = (await once(starter.stdout, 'data')) as [Buffer]
    const pid = Number(said.toString())
    expect(isThere(pid)).toBe(true)
    starter.kill('SIGKILL')
    await until(() => !isThere(pid), { timeoutMs: 20_000, what: 'its end' })
  })
})
