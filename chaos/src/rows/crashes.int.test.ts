import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Verdict } from '../checks/check.ts'
import { readGateway } from '../facts/read-gateway.ts'
import { openStage, rowTimeoutMs, type Stage } from './stage.test.kit.ts'

/** Of Kafka's requests, the one with records in it. */
const produceKey = 0

/** Each service ends at another point, by SIGKILL, the third time that it comes there. */
const failpoints = {
  'order-1': 'after-receive:kill@3',
  'inventory-1': 'before-push:kill@3',
  'shipping-1': 'after-publish:kill@3',
  'payment-1': 'before-publish:kill@3',
}

describe('A service that ends, or is cut off, in the middle of its work', () => {
  let stage: Stage
  /** After each has died and come back under the same orders. */
  let verdict: Verdict
  beforeAll(async () => {
    stage = await openStage({ failpoints })
    const placing = stage.place(60, 3_000)
    await Promise.all(Object.keys(failpoints).map((instance) => stage.diesAndComesBack(instance)))
    await placing
    verdict = await stage.settled()
  }, rowTimeoutMs)
  afterAll(() => stage?.close())

  it('failure 1: after it received and before it settled, receives again and loses nothing', () => {
    expect(stage.logOf('order-1')).toContain('failpoint after-receive:kill@3')
    expect(verdict.violations).toEqual([])
  })

  it('failure 4: after the commit and before it published, publishes what it left behind', () => {
    const log = stage.logOf('inventory-1')
    expect(log.slice(log.indexOf('failpoint before-push:kill@3'))).toContain('left in the outbox')
    expect(verdict.violations).toEqual([])
  })

  it('failure 5: after it published and before the outbox knows, publishes again what is applied once', () => {
    expect(stage.logOf('shipping-1')).toContain('failpoint after-publish:kill@3')
    expect(verdict.duplicates).toBeGreaterThan(0)
    expect(verdict.violations).toEqual([])
  })

  it('failure 6: with some of its events published and the next not yet sent, publishes the rest in order', () => {
    expect(stage.logOf('payment-1')).toContain('failpoint before-publish:kill@3')
    expect(verdict.violations).toEqual([])
  })

  it(
    'failure 2: cut off anywhere in its transaction, has done all of it or nothing',
    async () => {
      const { database } = stage.world.instance('inventory-1').links
      for (const bytes of [1, 60, 400, 900, 1_500, 4_000]) {
        // So that something is on its way.
        await Promise.all([database.cutAfter('client', bytes), stage.place(6)])
      }
      await stage.settled()
    },
    rowTimeoutMs,
  )

  it(
    'failure 3: without the answer of its commit, finds out what became of it and applies nothing twice',
    async () => {
      for (const instance of ['payment-1', 'inventory-1', 'order-1']) {
        const { database } = stage.world.instance(instance).links
        const lost = database.loseAnswerTo(
          (sent) => sent.includes('insert-inbox') || sent.includes('insert-answers'),
        )
        await Promise.all([stage.place(10), lost])
      }
      await stage.settled()
    },
    rowTimeoutMs,
  )

  it(
    'failure 6: cut off anywhere in what it publishes, publishes the rest in order',
    async () => {
      const { kafka } = stage.world.instance('payment-1').links
      for (const bytes of [10, 700, 3_000]) {
        await Promise.all([kafka.cutAfter('client', bytes), stage.place(6)])
      }
      await stage.settled()
    },
    rowTimeoutMs,
  )

  it(
    'with the gateway’s answer in hand asks again with the same key, and money is taken once',
    async () => {
      const charged = async () => (await readGateway(stage.world.gatewayUrl)).length
      const before = await charged()
      // Answered, and neither kept nor settled: the gateway has charged, and nobody here knows of it.
      await stage.equipWith('payment-1', 'after-perform:kill@4')
      const placing = stage.place(12)
      await stage.world.instance('payment-1').part.gone()
      expect(await charged()).toBeGreaterThan(before)
      await stage.diesAndComesBack('payment-1')
      await placing
      await stage.settled()
      expect(stage.logOf('payment-1')).toContain('failpoint after-perform:kill@4')
    },
    rowTimeoutMs,
  )

  it(
    'failure 24: while acknowledgements are lost, publishes again, and that is all',
    async () => {
      const before = await stage.settled()
      const { kafka } = stage.world.instance('payment-1').links
      for (let time = 0; time < 3; time += 1) {
        const lost = kafka.loseAnswerTo((sent) => sent.length > 6 && sent.readInt16BE(4) === produceKey)
        await Promise.all([stage.place(6), lost])
      }
      const after = await stage.settled()
      expect(after.duplicates).toBeGreaterThan(before.duplicates)
    },
    rowTimeoutMs,
  )
})
