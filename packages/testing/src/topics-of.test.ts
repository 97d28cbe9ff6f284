import { describe, expect, it } from '@jest/globals'
import { avroEvent } from '@troupe/avro'
import { reaction, service } from '@troupe/core'
import { topicsOf } from './topics-of.ts'

const Knocked = avroEvent<'Knocked', { name: string }>({
  owner: 'door',
  schema: {
    type: 'record',
    name: 'Knocked',
    namespace: 'door',
    key: 'name',
    fields: [{ name: 'name', type: 'string' }],
  },
})
const greet = reaction({ on: Knocked, emits: [], react() {} })

describe('the topics of a harness', () => {
  it('are as their services declare them, and else as the test asks; how often they are kept is left open', () => {
    const topic = { partitions: 6, replication: 3, retentionMs: -1 }
    const host = service({ name: 'host', reactions: { greet }, topic })
    const waiter = service({ name: 'waiter', reactions: { greet } })
    expect(topicsOf([host, waiter], 2)).toEqual([
      { topic: 'door.events', partitions: 2, config: {} },
      { topic: 'host.events', partitions: 6, config: { 'retention.ms': '-1' } },
      { topic: 'host.dlq', partitions: 2, config: {} },
      { topic: 'waiter.events', partitions: 2, config: {} },
      { topic: 'waiter.dlq', partitions: 2, config: {} },
    ])
  })
})
