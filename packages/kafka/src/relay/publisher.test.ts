import { describe, expect, it } from '@jest/globals'
import type { Cluster } from 'kafkajs'
import { outgoing, recordingLog } from '../kafka.test.kit.ts'
import { Publisher } from './publisher.ts'

interface Produced {
  readonly acks: number
  readonly topicData: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly messages: readonly { readonly value: Buffer }[]
    }[]
  }[]
}

/** A cluster of two partitions, led by this broker. */
function clusterWith(broker: object): Cluster {
  const partitionMetadata = [0, 1].map((partitionId) => ({ partitionId, leader: 1 }))
  const cluster: Partial<Record<keyof Cluster, unknown>> = {
    addMultipleTargetTopics: () => Promise.resolve(),
    refreshMetadataIfNecessary: () => Promise.resolve(),
    findTopicPartitionMetadata: () => partitionMetadata,
    findLeaderForPartitions: (_topic: string, partitions: readonly number[]) => ({ 1: partitions }),
    findBroker: () => Promise.resolve(broker),
  }
  return cluster as unknown as Cluster
}

describe('a publisher', () => {
  const newest = { 0: { maxVersion: 9 } }
  it.each([
    ['has no connections', { versions: newest }],
    ['has connections without a send', { versions: newest, connectionPool: {} }],
    ['is older than the encoder', { versions: { 0: { maxVersion: 6 } }, connectionPool: { send() {} } }],
  ])("uses kafkajs's own encoder, and warns once, where its broker %s", async (_how, strange) => {
    const requests: Produced[] = []
    const produce = (request: Produced) => Promise.resolve(requests.push(request))
    const log = recordingLog()
    for (const id of ['a', 'b']) {
      const publisher = new Publisher({ cluster: clusterWith({ ...strange, produce }), log })
      await publisher.publish('order.events', [outgoing(id)], { isCompressed: false })
    }
    expect(requests.map(({ topicData: [data] }) => String(data?.partitions[0]?.messages[0]?.value))).toEqual([
      'a',
      'b',
    ])
    expect(requests.map(({ acks }) => acks)).toEqual([-1, -1])
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  it('encodes by itself, and says nothing, where all is as expected', async () => {
    const keys: number[] = []
    const send = ({ request }: { readonly request: { readonly apiKey: number } }) =>
      Promise.resolve(keys.push(request.apiKey))
    const log = recordingLog()
    const cluster = clusterWith({ versions: newest, connectionPool: { send } })
    await new Publisher({ cluster, log }).publish('order.events', [outgoing('a')], { isCompressed: false })
    expect(keys).toEqual([0])
    expect(log.lines).toEqual([])
  })

  it('gives records without a key to all partitions in turn', async () => {
    const requests: Produced[] = []
    const produce = (request: Produced) => Promise.resolve(requests.push(request))
    const publisher = new Publisher({ cluster: clusterWith({ produce }), log: recordingLog() })
    const records = ['a', 'b', 'c', 'd'].map((id) => outgoing(id, { key: null }))
    await publisher.publish('order.events', records, { isCompressed: true })
    expect(requests[0]?.topicData[0]?.partitions.map(({ messages }) => messages.length)).toEqual([2, 2])
  })

  it('rejects only when no request is under way any more', async () => {
    let finishOther = () => {}
    let isOtherDone = false
    const other = new Promise<void>((resolve) => {
      finishOther = resolve
    })
    const brokers = [
      { produce: () => Promise.reject(new Error('not this one')) },
      {
        async produce() {
          await other
          isOtherDone = true
        },
      },
    ]
    const cluster: Cluster = {
      ...clusterWith({}),
      findLeaderForPartitions: () => ({ 0: [0], 1: [1] }),
      findBroker: ({ nodeId }) => Promise.resolve(brokers[Number(nodeId)] as never),
    }
    const publisher = new Publisher({ cluster, log: recordingLog() })
    const published = publisher.publish('order.events', [outgoing('a')], { isCompressed: true })
    setImmediate(finishOther)
    await expect(published).rejects.toThrow('not this one')
    expect(isOtherDone).toBe(true)
  })
})
