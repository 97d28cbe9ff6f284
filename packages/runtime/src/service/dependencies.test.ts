import { describe, expect, it } from '@jest/globals'
import { TroupeError } from '@troupe/core'
import { createDependencies } from './dependencies.ts'
import { deferred, keepingLog, unreachable, until } from '../kits/fakes.test.kit.ts'
import { createPulse } from './pulse.ts'

function open() {
  const clock = { ms: 1_000 }
  const log = keepingLog()
  const callOff = new AbortController()
  return { clock, log, callOff, ...createDependencies({ log, now: () => clock.ms }) }
}

describe('insisting', () => {
  it('tries until it works, and says once that it waits and once that it need not any more', async () => {
    const { insist, states, log, callOff } = open()
    let failures = 3
    const attempt = async () => {
      if (failures-- > 0) throw unreachable()
      return 'done'
    }
    expect(await insist('database', 'settle', attempt, callOff.signal)).toBe('done')
    expect(states().database).toMatchObject({ state: 'up' })
    expect(log.lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      'warn: database does not answer; trying again: The database is away.',
      'info: database answers again',
    ])
  })

  it('does not try again where waiting does not help, whatever was thrown', async () => {
    for (const error of [new Error('refused'), 'a string', undefined, new TroupeError('TROUPE_FENCED', '')]) {
      const { insist, states, callOff } = open()
      let attempts = 0
      const attempt = async () => {
        attempts += 1
        throw error
      }
      await expect(insist('database', 'settle', attempt, callOff.signal)).rejects.toBe(error)
      expect(attempts).toBe(1)
      expect(states().database.state).toBe('unknown')
    }
  })

  it('ends at once when it is called off: before, between and during attempts', async () => {
    const before = open()
    before.callOff.abort()
    let attempts = 0
    const count = async () => void (attempts += 1)
    await expect(before.insist('database', 'settle', count, before.callOff.signal)).rejects.toMatchObject({
      code: 'TROUPE_STOPPED',
    })
    expect(attempts).toBe(0)

    const between = open()
    const failing = between.insist(
      'database',
      'settle',
      () => Promise.reject(unreachable()),
      between.callOff.signal,
    )
    await until(() => between.states().database.state === 'down')
    between.callOff.abort()
    await expect(failing).rejects.toMatchObject({
      code: 'TROUPE_STOPPED',
      message: expect.stringContaining('The database is away.'),
    })

    const during = open()
    const held = deferred()
    const hanging = during.insist('database', 'settle', () => held.promise, during.callOff.signal)
    during.callOff.abort()
    await expect(hanging).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    // Nobody waits for it any more.
    held.reject(new Error('too late'))
  })

  it('mentions a dependency that stays away now and then, not at every attempt', () => {
    const { report, log, clock, states } = open()
    report('kafka', new Error('one'))
    for (let n = 0; n < 100; n++) {
      clock.ms += 100
      report('kafka', new Error('more'))
    }
    expect(log.lines).toHaveLength(1)
    clock.ms += 15_000
    report('kafka', new Error('still'))
    expect(log.lines).toHaveLength(2)
    expect(states().kafka).toEqual({ state: 'down', sinceMs: 1_000, error: 'still' })
  })

  it('says again that a dependency is away, if it had answered in between', () => {
    const { report, log } = open()
    report('kafka', new Error('one'))
    report('kafka', undefined)
    report('kafka', new Error('two'))
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'info', 'warn'])
  })

  it('does not believe what comes out of a cache', async () => {
    const { insist, report, states, callOff } = open()
    report('registry', new Error('away'))
    await insist('registry', 'decode', async () => {}, callOff.signal, { isProof: false })
    expect(states().registry.state).toBe('down')
  })
})

describe('the pulse', () => {
  it('finds out that a dependency went away, and that it came back', async () => {
    const { log, report, ...dependencies } = open()
    let isAway = false
    const probes = {
      database: async () => {
        if (isAway) throw unreachable()
      },
      kafka: async () => {},
      registry: () => new Promise<void>(() => {}),
    }
    const pulse = createPulse({ dependencies: { ...dependencies, report }, probes, everyMs: 1, log })
    pulse.start()
    await until(() => dependencies.states().database.state === 'up')
    isAway = true
    await until(() => dependencies.states().database.state === 'down')
    isAway = false
    await until(() => dependencies.states().database.state === 'up')
    expect(dependencies.states().registry.state).toBe('unknown')
    pulse.stop()
    isAway = true
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(dependencies.states().database.state).toBe('up')
  })
})
