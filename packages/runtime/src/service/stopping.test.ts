import { describe, expect, it } from '@jest/globals'
import { keepingLog } from '../kits/fakes.test.kit.ts'
import { letGoInOrder, type Parts } from './stopping.ts'

function open(change: Partial<Parts> = {}) {
  const order: string[] = []
  const ending = (name: string) => async () => void order.push(name)
  const parts: Parts = {
    http: { close: ending('http') },
    admin: undefined,
    decider: { stop: ending('decider') },
    receiver: { stop: ending('receiver') },
    firing: { stop: ending('firing') },
    relay: { stop: async () => (order.push('relay'), { left: 0 }) },
    sweeper: { stop: () => void order.push('sweeper') },
    keptResults: { stop: async () => void order.push('results') },
    ledger: { close: ending('ledger') },
    ...change,
  }
  const log = keepingLog()
  const callOff = new AbortController()
  const forget = ending('forget')
  const stop = (timeoutMs: number) => letGoInOrder(parts, { callOff, forget, timeoutMs, log })
  return { order, log, callOff, stop }
}

const never = () => new Promise<never>(() => {})

describe('letting go', () => {
  it('goes against the stream', async () => {
    const { order, stop, log } = open()
    await stop(1_000)
    expect(order.slice(0, 4).toSorted()).toEqual(['decider', 'firing', 'http', 'receiver'])
    expect(order.indexOf('http')).toBeLessThan(order.indexOf('decider'))
    expect(order.slice(4)).toEqual(['relay', 'sweeper', 'results', 'forget', 'ledger'])
    expect(log.lines).toEqual([])
  })

  it.each<[string, Partial<Parts>]>([
    ['http', { http: { close: never } }],
    ['commands', { decider: { stop: never } }],
    ['the receiver', { receiver: { stop: never } }],
    ['firing', { firing: { stop: never } }],
    ['the relay', { relay: { stop: never } }],
    ['the ledger', { ledger: { close: never } }],
    [
      'all of it',
      { http: { close: never }, receiver: { stop: never }, relay: { stop: never }, ledger: { close: never } },
    ],
  ])('ends in its time and a little more though %s never ends, and says so', async (_, change) => {
    const { stop, log } = open(change)
    const beganMs = performance.now()
    await stop(200)
    expect(performance.now() - beganMs).toBeLessThan(200 + 9_800)
    expect(log.lines.filter(({ message }) => message.includes('did not end in time'))).not.toEqual([])
  })

  it('closes the rest when one part fails', async () => {
    const { stop, order, log } = open({ receiver: { stop: () => Promise.reject(new Error('broken')) } })
    await stop(1_000)
    expect(order).toContain('ledger')
    expect(log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('broken') }])
  })

  it('calls off what is under way in time to publish what was settled', async () => {
    const order: string[] = []
    const { stop, callOff, log } = open({
      receiver: {
        stop: () =>
          new Promise((resolve) => {
            callOff.signal.addEventListener('abort', () => {
              order.push('called off')
              resolve()
            })
          }),
      },
      relay: { stop: async () => (order.push('relay'), { left: 0 }) },
    })
    await stop(100)
    expect(order).toEqual(['called off', 'relay'])
    expect(log.lines).toEqual([])
  })
})
