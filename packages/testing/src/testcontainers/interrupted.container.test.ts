import { describe, expect, it } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { getContainerRuntimeClient, LABEL_TESTCONTAINERS_SESSION_ID } from 'testcontainers'
import { partOf } from './images.ts'

// A run that started a container the way the set-up for Jest starts its three, and has tests to run now.
const run = (dist: string) => `
  import { getContainerRuntimeClient, getReaper } from 'testcontainers'
  import { keep } from '${dist}/jest/shared-stack.js'
  import { partOf } from '${dist}/testcontainers/images.js'
  import { startPostgres } from '${dist}/testcontainers/postgres.js'
  const client = await getContainerRuntimeClient()
  // Runs at the same time share a reaper, which waits for the last of them: this one has its own.
  client.container.list = async () => []
  keep(await startPostgres(partOf('postgres'), { reuse: false }), () => {})
  const { sessionId } = await getReaper(client)
  console.log('session', sessionId)
  setInterval(() => {}, 1_000)
`

const dist = new URL('../../dist', import.meta.url)

async function startRun(): Promise<{ readonly child: ChildProcess; readonly sessionId: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', run(dist.href)], {
    cwd: new URL('.', dist),
    env: {
      ...process.env,
      TESTCONTAINERS_RYUK_TEST_LABEL: 'true',
      TESTCONTAINERS_RYUK_RECONNECTION_TIMEOUT: '1s',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += String(text)
    const [, sessionId] = /^session (\S+)$/m.exec(said) ?? []
    if (sessionId !== undefined) return { child, sessionId }
  }
  throw new Error('the run ended before its container had started')
}

/** How many containers of a run there are, the reaper's own left out. */
async function containersOf(sessionId: string): Promise<number> {
  const { container } = await getContainerRuntimeClient()
  const filters = { label: [`${LABEL_TESTCONTAINERS_SESSION_ID}=${sessionId}`] }
  const all = await container.dockerode.listContainers({ all: true, filters })
  return all.filter(({ Image: image }) => image === partOf('postgres').image).length
}

async function untilNone(sessionId: string, withinMs: number): Promise<void> {
  const end = Date.now() + withinMs
  while ((await containersOf(sessionId)) > 0) {
    if (Date.now() > end) throw new Error(`containers of ${sessionId} are still there after ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('a run on containers that does not come to its end', () => {
  it.each([
    ['is interrupted: it stops them before it goes', 'SIGINT'],
    ['is killed: the reaper removes them', 'SIGKILL'],
  ] as const)('leaves none behind when it %s', async (_how, signal) => {
    const { child, sessionId } = await startRun()
    try {
      expect(await containersOf(sessionId)).toBe(1)
      const gone = once(child, 'exit')
      child.kill(signal)
      expect(await gone).toEqual([null, signal])
      // Whoever is interrupted has removed them itself by now.
      if (signal === 'SIGINT') expect(await containersOf(sessionId)).toBe(0)
      await untilNone(sessionId, 60_000)
    } finally {
      child.kill('SIGKILL')
    }
  })
})
