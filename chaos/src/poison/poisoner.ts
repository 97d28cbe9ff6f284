// Puts poison into the services' topics, and places cursed orders: all of one dose.
//
// Invariants
// 1. What a dose holds is decided by its seed; a record that Kafka did not acknowledge is sent again.
// 2. A cursed order is placed as others are, and is one of the run's orders.

import { createCodec } from '@troupe/avro'
import type { Log } from '@troupe/core'
import { createHttpClient, orderOf } from '@troupe/cli'
import { Kafka, logLevel } from 'kafkajs'
import type { PlacedOrder } from '../checks/facts.ts'
import { random01 } from '../faults/random.ts'
import { insist } from '../load/order-load.ts'
import { operatorAt } from '../operator/operator.ts'
import { until } from '../world/until.ts'
import type { World } from '../world/world.ts'
import { type Curse, cursedName } from './curse.ts'
import { poisonableTypes, poisonFormNames, poisonOf } from './forms.ts'

export interface Poisoner {
  /** Resolves when it is given, and the letter that an operator mends at once is mended. */
  give(dose: { readonly seed: number; readonly curseMs: number }, signal: AbortSignal): Promise<void>
  /** The cursed orders so far. */
  readonly orders: readonly PlacedOrder[]
  close(): Promise<void>
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }
/** For a dead letter to turn up that is to be mended; after that it is left to the end of the run. */
const letterMsMax = 20_000
const attempts = { timeoutMs: 60_000, everyMs: 200 }

/** Of a world that runs. @throws Error if its registry cannot be asked */
export async function createPoisoner(world: World): Promise<Poisoner> {
  const codec = createCodec({ registryUrl: world.registryUrl, log: silent })
  await codec.register(poisonableTypes)
  const kafka = new Kafka({ clientId: 'poisoner', brokers: [world.kafka], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  const http = createHttpClient(4, 5_000)
  const urls = () => [world.instance('order-1').url, world.instance('order-2').url]
  const orders: PlacedOrder[] = []

  async function send(seed: number, signal: AbortSignal): Promise<void> {
    const random = random01(seed)
    for (const form of poisonFormNames) {
      const type = poisonableTypes[Math.floor(random() * poisonableTypes.length)]
      if (!type) throw new Error('Nobody hears an event that could be poison.')
      const name = `poison-${seed}-${form.replaceAll(' ', '-')}`
      const { topic, ...message } = poisonOf(form, type, { name, encode: (data) => codec.encode(type, data) })
      const messages = [
        message as { key: string | null; value: Buffer | null; headers: Record<string, string> },
      ]
      const sending = async () => {
        // Of one that is connected nothing is done.
        await producer.connect()
        return await producer.send({ topic, messages })
      }
      await until(sending, { ...attempts, signal, what: `the poison ${name}` })
    }
  }

  async function place(curse: Curse, seed: number, curseMs: number, signal: AbortSignal): Promise<string> {
    const idempotencyKey = `cursed-${seed}-${curse.service}-${curse.form.replaceAll(' ', '-')}`
    const answers: string[] = []
    const { shipTo, ...good } = orderOf('good')
    const order = { ...good, shipTo: { ...shipTo, name: cursedName(curse, Date.now() + curseMs) } }
    const id = await insist(http, { order }, { idempotencyKey, answers }, { urls, signal })
    orders.push({ idempotencyKey, kind: 'good', curse, answers: [...answers, id] })
    return id
  }

  /** As soon as it is a dead letter. If that takes too long, or never comes about, the end of the run will see. */
  async function mend(saga: string, signal: AbortSignal): Promise<void> {
    const operator = operatorAt(world.instance('shipping-1').adminUrl, 'ada')
    const mending = async () => {
      const [letter] = await operator.letters(saga)
      if (!letter) return false
      await operator.mend(letter.id, withoutCurse, 'The name was wrong.')
      return true
    }
    await until(mending, { timeoutMs: letterMsMax, everyMs: 200, signal }).catch(() => {})
    signal.throwIfAborted()
  }

  return {
    orders,
    async give({ seed, curseMs }, signal) {
      const one = (curse: Curse) => place(curse, seed, curseMs, signal)
      await Promise.all([
        send(seed, signal),
        one({ service: 'payment', form: 'for a while' }),
        one({ service: 'shipping', form: 'for a while' }),
        one({ service: 'shipping', form: 'until mended' }).then((saga) => mend(saga, signal)),
        one({ service: 'shipping', form: 'until released' }),
      ])
    },
    async close() {
      http.close()
      await producer.disconnect()
    },
  }
}

function withoutCurse(data: object): object {
  const { shipTo } = data as { readonly shipTo: object }
  return { ...data, shipTo: { ...shipTo, name: 'Ada Example' } }
}
