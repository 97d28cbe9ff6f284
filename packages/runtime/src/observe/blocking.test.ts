import { describe, expect, it } from '@jest/globals'
import { batchOf, benchFor, payments, place } from '../kits/bank.test.kit.ts'
import { createBlocking } from './blocking.ts'
import { keepingLog } from '../kits/fakes.test.kit.ts'
import { claimPartition } from '../batch/partition.ts'

function open() {
  const log = keepingLog()
  const blocked: [string, number][] = []
  let nowMs = 0
  const blocking = createBlocking({
    log,
    clock: () => nowMs,
    onBlocked: (reaction, seconds) => blocked.push([reaction, seconds]),
  })
  const compute = (reaction: string, tookMs: number) =>
    blocking.watch(reaction, () => {
      nowMs += tookMs
      return reaction
    })
  return { log, blocked, blocking, compute }
}

describe('a reaction that blocks the event loop', () => {
  it('failure 16: is warned about by name, with how long it took', () => {
    const { log, blocked, compute } = open()
    expect(compute('chargePayment', 1_500)).toBe('chargePayment')
    expect(blocked).toEqual([['chargePayment', 1.5]])
    expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      expect.stringContaining('warn chargePayment blocked the process for 1500 ms'),
    ])
  })

  it('is counted each time, and said once in a while', () => {
    const { log, blocked, compute } = open()
    for (let run = 0; run < 25; run += 1) compute('chargePayment', 500)
    compute('shipOrder', 200)
    expect(blocked).toHaveLength(26)
    expect(log.lines).toHaveLength(3)
  })

  it('is named also when it throws, and left alone when it is quick', () => {
    const { log, blocking, compute } = open()
    compute('chargePayment', 199)
    expect(log.lines).toEqual([])
    expect(() =>
      blocking.watch('chargePayment', () => {
        compute('chargePayment', 300)
        throw new Error('declined')
      }),
    ).toThrow('declined')
    expect(log.lines).toHaveLength(1)
  })

  it('is watched in every run', async () => {
    const watched: string[] = []
    const blocking = {
      watch: <Result>(reaction: string, run: () => Result) => {
        watched.push(reaction)
        return run()
      },
    }
    const partition = await claimPartition(place, benchFor({ blocking }))
    await partition.take(batchOf(payments(0, [{}, {}])))
    expect(watched).toEqual(['book', 'book'])
  })
})
