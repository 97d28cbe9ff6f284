import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { random01 } from '../faults/random.ts'
import { pause } from '../world/pause.ts'
import { until } from '../world/until.ts'
import { grafted, isLong, openStage, rowTimeoutMs, type Stage } from './stage.test.kit.ts'

/** On a machine that does much else. */
const patient = { timeoutMs: 60_000 }

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
      await Promise.all([stage.place(20, 1_000), until(() => log().includes(stopped), patient)])
      await world.instance('payment-2').part.start()
      // Everything, what the frozen one had taken included, is done by the other.
      await stage.settled()
      world.instance('payment-1').part.thaw()
      world.instance('payment-1').equip({})
      await until(() => log().slice(log().indexOf(stopped)).includes('another owner holds'), patient)
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
    'failure 26: whose leftovers two processes publish repeats them, and inverts nothing',
    async () => {
      const { world } = stage
      const [first, second] = [world.instance('order-1'), world.instance('order-2')]
      await world.broker.kill()
      await stage.place(30)
      await first.part.kill()
      await world.broker.start()
      // The first has them in hand when it falls asleep, and publishes them after the second has.
      first.equip(grafted('before-publish:stop@1'))
      const starting = first.part.start()
      await until(() => stage.logOf('order-1').includes('failpoint before-publish:stop@1'), patient)
      await second.part.start()
      const before = await stage.settled()
      first.part.thaw()
      first.equip({})
      await starting
      await stage.place(10)
      await until(async () => (await stage.settled()).duplicates >= before.duplicates + 30, patient)
      await second.part.stop()
    },
    rowTimeoutMs,
  )

  it(
    'failure 35: whose database is restored from an older backup does the same again, applied once downstream',
    async () => {
      const { world } = stage
      const { part } = world.instance('payment-1')
      await stage.place(10)
      await stage.settled()
      await part.stop()
      await world.administer('CREATE DATABASE backup TEMPLATE payment')
      await part.start()
      // What was undone since would be heard again in any order, and barred: a stated limit.
      await stage.place(20, 0, ['good', 'card declined'])
      const before = await stage.settled()
      await part.stop()
      await world.administer('DROP DATABASE payment WITH (FORCE)')
      await world.administer('CREATE DATABASE payment TEMPLATE backup OWNER payment')
      await part.start()
      const after = await stage.settled()
      expect(after.duplicates).toBeGreaterThan(before.duplicates)
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
      await until(() => asked() > before, patient)
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
