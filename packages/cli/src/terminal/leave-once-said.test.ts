import { describe, expect, it } from '@jest/globals'
import { Writable } from 'node:stream'
import { leaveOnceSaid } from './leave-once-said.ts'

/** Takes each chunk when it is told to. */
function slow() {
  const waiting: (() => void)[] = []
  const stream = new Writable({ write: (_chunk, _encoding, done) => void waiting.push(done) })
  return { stream, take: () => waiting.shift()?.() }
}

describe('the end of a command', () => {
  it('comes when all that it has said was taken, and not before', async () => {
    const [stdout, stderr] = [slow(), slow()]
    const ended: number[] = []
    stdout.stream.write('data')
    stderr.stream.write('a note')
    leaveOnceSaid(3, { stdout: stdout.stream, stderr: stderr.stream }, (code) => void ended.push(code))
    for (const take of [stderr.take, stdout.take, stderr.take]) {
      take()
      await new Promise((resolve) => setImmediate(resolve))
      expect(ended).toEqual([])
    }
    stdout.take()
    await new Promise((resolve) => setImmediate(resolve))
    stderr.take()
    await new Promise((resolve) => setImmediate(resolve))
    expect(ended).toEqual([3])
  })
})
