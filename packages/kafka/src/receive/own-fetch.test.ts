import { describe, expect, it } from '@jest/globals'
import type { Log } from '@troupe/core'
import type { Cluster } from 'kafkajs'
import { decodeFetches } from './own-fetch.ts'
import { fetchVersion } from '../wire/fetch-answer.ts'

interface Sent {
  readonly request: { readonly apiKey: number; readonly apiVersion: number }
  readonly response: { readonly decode: unknown }
}

const fetchKey = 1
const theirs = { decode: 'as kafkajs does' }
const sentWith = (apiKey: number, apiVersion: number): Sent => ({
  request: { apiKey, apiVersion },
  response: theirs,
})

/** A cluster that finds these brokers in turn, and what was logged. */
function setUp(brokers: readonly object[]) {
  const warnings: string[] = []
  const silent = () => undefined
  const log: Log = { debug: silent, info: silent, warn: (_, text) => void warnings.push(text), error: silent }
  let found = 0
  const cluster = { findBroker: async () => brokers[found++ % brokers.length] } as unknown as Cluster
  decodeFetches(cluster, { log, nameOf: (name) => name, onUnknown: silent })
  return { find: () => cluster.findBroker({ nodeId: '0' }), warnings }
}

describe('what a consumer fetches', () => {
  it('is decoded here, and everything else is left to kafkajs', async () => {
    const sent: Sent[] = []
    const broker = { connectionPool: { send: async (one: Sent) => void sent.push(one) } }
    const { find, warnings } = setUp([broker])
    // Found twice, changed once.
    await find()
    await find()
    const { send } = broker.connectionPool
    const older = sentWith(fetchKey, fetchVersion - 1)
    const other = sentWith(fetchKey + 1, fetchVersion)
    for (const one of [sentWith(fetchKey, fetchVersion), older, other]) await send(one)
    expect(sent.map(({ response }) => response === theirs)).toEqual([false, true, true])
    expect(sent[0]?.response.decode).toEqual(expect.any(Function))
    expect(warnings).toEqual([])
  })

  it('is left to a kafkajs that does not look as expected, and that is said once', async () => {
    const strange = { connectionPool: {} }
    const { find, warnings } = setUp([strange, {}])
    expect(await find()).toBe(strange)
    expect(await find()).toEqual({})
    expect(warnings).toEqual([expect.stringContaining('checksums are not verified')])
  })
})
