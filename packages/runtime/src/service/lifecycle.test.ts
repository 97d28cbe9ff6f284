import { describe, expect, it } from '@jest/globals'
import { deferred } from '../kits/fakes.test.kit.ts'
import { createLifecycle } from './lifecycle.ts'

function open(change: Partial<Parameters<typeof createLifecycle>[0]> = {}) {
  const happened: string[] = []
  const join = deferred()
  const begin = deferred()
  const lifecycle = createLifecycle({
    name: 'order',
    async start(joining) {
      happened.push('start')
      await begin.promise
      joining()
      await join.promise
    },
    callOff() {
      happened.push('call off')
      const calledOff = new Error('called off')
      begin.reject(calledOff)
      join.reject(calledOff)
    },
    letGo: async (was) => void happened.push(`let go of ${was}`),
    ...change,
  })
  begin.promise.catch(() => {})
  join.promise.catch(() => {})
  return { lifecycle, happened, join, begin }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the life of a service', () => {
  it('goes from new over starting and joining to running, and stops once', async () => {
    const { lifecycle, happened, begin, join } = open()
    expect(lifecycle.state).toBe('new')
    const starting = lifecycle.start()
    expect(lifecycle.start()).toBe(starting)
    expect(lifecycle.state).toBe('starting')
    begin.resolve()
    await turn()
    expect(lifecycle.state).toBe('joining')
    join.resolve()
    await starting
    expect(lifecycle.state).toBe('running')
    const stopping = lifecycle.stop()
    expect(lifecycle.state).toBe('stopping')
    expect(lifecycle.stop()).toBe(stopping)
    await stopping
    expect(lifecycle.state).toBe('stopped')
    expect(happened).toEqual(['start', 'let go of running'])
    await expect(lifecycle.start()).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
  })

  it('may end before it began', async () => {
    const { lifecycle, happened } = open()
    await lifecycle.stop()
    expect(lifecycle.state).toBe('stopped')
    expect(happened).toEqual(['let go of new'])
    await expect(lifecycle.start()).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
  })

  it.each(['starting', 'joining'] as const)(
    'may end while it is %s: the start is called off first',
    async (state) => {
      const { lifecycle, happened, begin } = open()
      const starting = lifecycle.start()
      starting.catch(() => {})
      if (state === 'joining') begin.resolve()
      await turn()
      expect(lifecycle.state).toBe(state)
      await lifecycle.stop()
      await expect(starting).rejects.toThrow('called off')
      expect(happened).toEqual(['start', 'call off', `let go of ${state}`])
      expect(lifecycle.state).toBe('stopped')
    },
  )

  it('lets go by itself when the start fails, and throws why once that is done', async () => {
    const { lifecycle, happened } = open({ start: () => Promise.reject(new Error('no database')) })
    await expect(lifecycle.start()).rejects.toThrow('no database')
    expect(lifecycle.state).toBe('stopped')
    expect(happened).toEqual(['let go of starting'])
    await lifecycle.stop()
    expect(happened).toHaveLength(1)
  })

  it('is over even if letting go fails', async () => {
    const { lifecycle } = open({ letGo: () => Promise.reject(new Error('stuck')) })
    await expect(lifecycle.stop()).rejects.toThrow('stuck')
    expect(lifecycle.state).toBe('stopped')
  })

  it('does not run any more if it was stopped in the moment in which the start came through', async () => {
    const { lifecycle, begin, join } = open({ callOff: () => {} })
    const starting = lifecycle.start()
    starting.catch(() => {})
    begin.resolve()
    join.resolve()
    await lifecycle.stop()
    await expect(starting).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    expect(lifecycle.state).toBe('stopped')
  })
})
