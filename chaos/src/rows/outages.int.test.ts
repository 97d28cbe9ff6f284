import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { random01 } from '../faults/random.ts'
import { pause } from '../world/pause.ts'
import { until } from '../world/until.ts'
import { isLong, openStage, rowTimeoutMs, type Stage } from './stage.test.kit.ts'

describe('Under load, a service', () => {
  let stage: Stage
  beforeAll(async () => {
    // It stops itself where it has decided on everything, and has written nothing yet.
    stage = await openStage({ instancesMax: 2, failpoints: { 'payment-1': 'before-settle:stop@1' } })
  }, rowTimeoutMs)
  afterAll(() => stage?.close())

  /** Places orders until the work is done. */
  async function underLoad(work: () => Promise<void>): Promise<void> {
    const over = new AbortController()
    const placing = (async () => {
      while (!over.signal.aborted) await stage.place(10, 300)
    })()
    try {
      await work()
    } finally {
      over.abort()
      await placing
    }
  }

  it(
    'failure 14: that was frozen past its session writes nothing when it wakes, and another has gone on',
    async () => {
      const { world } = stage
      const log = () => stage.logOf('payment-1')
      const stopped = 'failpoint before-settle:stop@1'
      await Promise.all([stage.place(20, 1_000), until(() => log().includes(stopped), { timeoutMs: 60_000 })])
      await world.instance('payment-2').part.start()
      // Everything, what the frozen one had taken included, is done by the other.
      await stage.settled()
      world.instance('payment-1').part.thaw()
      world.instance('payment-1').equip({})
      await until(() => log().slice(log().indexOf(stopped)).includes('another owner holds'), {
        timeoutMs: 60_000,
      })
      await stage.place(20)
      await stage.settled()
      await world.instance('payment-2').part.stop()
    },
    rowTimeoutMs,
  )

  it(
    'failure 21: whose database is stopped and started ten times drains, and dead-letters nothing',
    async () => {
      const { world } = stage
      await underLoad(async () => {
        for (let time = 1; time <= 10; time += 1) {
          if (time % 2 === 0) await world.crashDatabase()
          else await world.database.stop()
          await world.database.start()
        }
      })
      await stage.settled()
    },
    rowTimeoutMs,
  )

  it(
    'failure 23: without its broker keeps what it has to say, and says it in order afterwards',
    async () => {
      const { world } = stage
      await world.broker.kill()
      // Taken without Kafka: they wait in the outbox.
      await stage.place(isLong ? 1_000 : 50, isLong ? 60_000 : 0)
      await world.broker.start()
      await stage.settled()
    },
    rowTimeoutMs,
  )

  it(
    'failure 33: that is killed again and again goes on, and does nothing twice',
    async () => {
      const random = random01(33)
      const { part } = stage.world.instance('inventory-1')
      const endMs = performance.now() + 60_000
      await underLoad(async () => {
        for (let kills = 0; isLong ? performance.now() < endMs : kills < 4; kills += 1) {
          await pause(200 + 1_800 * random())
          await part.kill()
          await part.start()
        }
      })
      await stage.settled()
    },
    rowTimeoutMs,
  )

  it(
    'failure 39: whose embedded database lost its parent finds everything there when it is started again',
    async () => {
      const { world } = stage
      await underLoad(async () => {
        await world.database.kill()
        await world.database.start()
      })
      await stage.settled()
    },
    rowTimeoutMs,
  )

  it(
    'failure 32: that is asked to stop at any moment ends with code 0, and leaves nothing undone',
    async () => {
      const random = random01(32)
      const names = ['payment-1', 'inventory-1', 'shipping-1', 'order-1']
      await underLoad(async () => {
        for (let time = 0; time < (isLong ? 50 : 4); time += 1) {
          const { part } = stage.world.instance(names[time % names.length] ?? '')
          await pause(400 * random())
          expect(await part.stop(60_000)).toMatchObject({ code: 0, signal: null })
          await part.start()
        }
      })
      await stage.settled()
    },
    rowTimeoutMs,
  )

  it(
    'failure 32: that is asked to stop a second time exits now',
    async () => {
      const { part, links } = stage.world.instance('payment-1')
      // What it has to write it cannot, so it would take its whole grace time.
      links.database.silence(true)
      const placing = stage.place(10)
      const { pid = 0 } = part
      const asked = () => stage.logOf('payment-1').split('is asked to stop').length
      const before = asked()
      const ended = part.stop(60_000)
      await until(() => asked() > before, { timeoutMs: 60_000 })
      process.kill(pid, 'SIGTERM')
      // A stop that came to its end, in time or not, would end with 0.
      expect((await ended)?.code).toBe(1)
      links.database.heal()
      await part.start()
      await placing
      await stage.settled()
    },
    rowTimeoutMs,
  )
})
