import {
  createHttpClient,
  createObserver,
  type Ecosystem,
  type Observer,
  type OrderApi,
  orderApi,
  startEcosystem,
} from '@troupe/cli'
import type { Log } from '@troupe/core'
import { inventory } from '@troupe-demo/inventory'
import { order } from '@troupe-demo/order'
import { payment } from '@troupe-demo/payment'
import { shipping } from '@troupe-demo/shipping'

/** The order story as the demo runs it: four service processes, the stack and an observer in this one. */
export interface Stage {
  readonly ecosystem: Ecosystem
  readonly observer: Observer
  readonly orders: OrderApi
  close(): Promise<void>
}

/** The observer's own troubles are told by what it does not see. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Starts the order story; what has started is stopped if it fails. */
export async function openStage(signal: AbortSignal): Promise<Stage> {
  const undo: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step()
  }
  try {
    const ecosystem = await startEcosystem({ logLevel: 'warn' }, signal)
    undo.push(() => ecosystem.stop())
    const http = createHttpClient()
    undo.push(() => http.close())
    const observer = createObserver({
      kafka: ecosystem.stack.kafka.address,
      registryUrl: ecosystem.stack.registry.url,
      services: [order, payment, inventory, shipping],
      log: silent,
    })
    undo.push(() => observer.stop())
    await observer.start()
    return { ecosystem, observer, orders: orderApi(http, ecosystem.urlOf('order')), close }
  } catch (error) {
    await close()
    throw error
  }
}
