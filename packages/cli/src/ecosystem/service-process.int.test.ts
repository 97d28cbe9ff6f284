import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServiceProcess, type ServiceProcess, type ServiceProcessOptions } from './service-process.ts'

let folder = ''
const started: ServiceProcess[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-process-'))
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A service that is this script. */
function fake(script: string, more: Partial<ServiceProcessOptions> = {}): ServiceProcess {
  const main = join(folder, `${started.length}-${Date.now()}.mjs`)
  writeFileSync(main, script)
  const one = createServiceProcess({ name: 'fake', main, environment: { SAID: 'so' }, ...more })
  started.push(one)
  return one
}

const runs = `process.send({ troupe: 'running', http: 'http://127.0.0.1:4711' }); setInterval(() => {}, 1000);`

describe('a service process', () => {
  it('starts when it says that it runs, with its settings and without its parent’s', async () => {
    process.env['TROUPE_EVENT_BYTES_MAX'] = '1'
    const one = fake(
      `console.log(process.env.SAID, process.env.TROUPE_STOP_WITH_PARENT, process.env.TROUPE_EVENT_BYTES_MAX); ${runs}`,
    )
    await one.start()
    delete process.env['TROUPE_EVENT_BYTES_MAX']
    expect([one.state, one.url]).toEqual(['running', 'http://127.0.0.1:4711'])
    await one.stop()
    expect([one.state, one.pid]).toEqual(['stopped', undefined])
    expect(one.lastLines().map(({ text }) => text)).toEqual(['so 1 undefined'])
  })

  it('keeps its address over a restart', async () => {
    const one = fake(`console.log(process.env.HTTP_ADDRESS); ${runs}`)
    await one.start()
    await one.stop()
    await one.start()
    await one.stop()
    expect(one.lastLines().map(({ text }) => text)).toEqual(['undefined', '127.0.0.1:4711'])
  })

  it('is refused with its last words when it ends before it runs', async () => {
    const one = fake(`console.error('fake cannot start: no settings'); process.exit(3)`)
    await expect(one.start()).rejects.toThrow(
      'fake ended unexpectedly (exit code 3). Its last lines:\n  error: fake cannot start: no settings',
    )
    expect(one.state).toBe('died')
  })

  it('is refused when its module is not there', async () => {
    const one = createServiceProcess({ name: 'gone', main: join(folder, 'gone.mjs'), environment: {} })
    await expect(one.start()).rejects.toThrow(/gone ended unexpectedly \(exit code 1\)[^]*Cannot find module/)
  })

  it('tells when it dies later', async () => {
    let tell: (error: Error) => void = () => {}
    const death = new Promise<Error>((resolve) => (tell = resolve))
    const one = fake(runs, { onDeath: (error) => tell(error) })
    await one.start()
    process.kill(one.pid ?? Number.NaN, 'SIGKILL')
    expect((await death).message).toBe('fake ended unexpectedly (SIGKILL). It said nothing.')
  })

  it('is killed with its whole group when it does not stop in time', async () => {
    const one = fake(`process.on('SIGTERM', () => console.log('no')); ${runs}`, { stopGraceMs: 2_000 })
    await one.start()
    await one.stop()
    expect(one.state).toBe('stopped')
    expect(one.lastLines().map(({ text }) => text)).toEqual(['no'])
  })

  it('leads a group of its own, so that a Ctrl-C of the terminal does not reach it', async () => {
    const one = fake(runs)
    await one.start()
    // Signals the group that it leads: there is one, or this would throw.
    expect(process.kill(-(one.pid ?? Number.NaN), 0)).toBe(true)
  })

  it('cannot be started twice, nor while it is being stopped', async () => {
    const one = fake(runs)
    await one.start()
    await expect(one.start()).rejects.toThrow('fake is running and cannot be started')
    const stopping = one.stop()
    await expect(one.start()).rejects.toThrow('fake is stopping and cannot be started')
    await stopping
  })
})
