import {
  createHttpClient,
  createObserver,
  type Observer,
  type OrderApi,
  orderApi,
  paymentGateway,
  storyServices,
} from '@troupe/cli'
import type { Log } from '@troupe/core'
import type { Stack } from '@troupe/testing'
import { inventory } from '@troupe-demo/inventory'
import { order } from '@troupe-demo/order'
import { payment } from '@troupe-demo/payment'
import { shipping } from '@troupe-demo/shipping'
import { randomUUID } from 'node:crypto'
import { partitions } from '../hops/contender.ts'
import { type Child, startChild } from '../processes/child.ts'

/** The order story on a stack that somebody else started. */
export interface Company {
  readonly ecosystem: { readonly failed: Promise<never> }
  readonly observer: Observer
  readonly orders: OrderApi
  close(): Promise<void>
}

export interface CompanyOptions {
  /** How many processes of each service; 1 unless given. */
  readonly instances?: Readonly<Record<string, number>>
  readonly signal: AbortSignal
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Starts the four services, under a namespace of their own; what has started is stopped if it fails. */
export async function openCompany(
  stack: Stack,
  { instances = {}, signal }: CompanyOptions,
): Promise<Company> {
  const namespace = `b${randomUUID().slice(0, 8)}`
  const undo: (() => Promise<unknown> | void)[] = []
  const close = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step()
  }
  try {
    const children: Child[] = []
    undo.push(() => Promise.all(children.map((child) => child.stop())))
    const gateway = await startChild({
      ...paymentGateway(),
      environment: { HTTP_ADDRESS: '127.0.0.1:0' },
      signal,
    })
    children.push(gateway)
    await Promise.all(
      storyServices().map(async ({ name, main }) => {
        const database = `${namespace}-${name}`
        const environment = {
          KAFKA_BROKERS: stack.kafka.address,
          SCHEMA_REGISTRY_URL: stack.registry.url,
          DATABASE_URL: await stack.postgres.createDatabase({ name: database }),
          HTTP_ADDRESS: '127.0.0.1:0',
          TROUPE_NAMESPACE: namespace,
          TROUPE_LOG_LEVEL: 'warn',
          TROUPE_TOPIC_PARTITIONS: String(partitions),
          GATEWAY_URL: httpOf(gateway),
          TROUPE_STOP_WITH_PARENT: '1',
        }
        const starting = Array.from({ length: instances[name] ?? 1 }, async () => {
          children.push(await startChild({ name, main, environment, signal }))
        })
        await Promise.all(starting)
      }),
    )
    const failed = Promise.race(children.map((child) => child.failed))
    failed.catch(() => {})
    const http = createHttpClient()
    undo.push(() => http.close())
    const observer = createObserver({
      kafka: stack.kafka.address,
      registryUrl: stack.registry.url,
      services: [order, payment, inventory, shipping],
      namespace,
      log: silent,
    })
    undo.push(() => observer.stop())
    await observer.start()
    const first = children.find(({ name }) => name === 'order')
    if (!first) throw new Error('order was not started.')
    return { ecosystem: { failed }, observer, orders: orderApi(http, httpOf(first)), close }
  } catch (error) {
    await close()
    throw error
  }
}

function httpOf({ name, said }: Child): string {
  const { http } = said as { readonly http?: string }
  if (http === undefined) throw new Error(`${name} does not say where it listens.`)
  return http
}
