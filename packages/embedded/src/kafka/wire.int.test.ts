import { describe, expect, it } from '@jest/globals'
import { broker, until } from './clients.test.kit.ts'
import type { Broker } from './broker.ts'
import { buildBatch } from './log/batch.test.kit.ts'
import { readBatchHeader } from './log/record-batch.ts'
import { ErrorCode } from './protocol/error-code.ts'
import { type RawClient, rawClient } from './raw-client.test.kit.ts'
import { apiVersions } from './requests/api-versions.ts'
import { deleteRecords } from './requests/delete-records.ts'
import { deleteTopics } from './requests/delete-topics.ts'
import { fetch } from './requests/fetch.ts'
import { heartbeat } from './requests/heartbeat.ts'
import { initProducerId } from './requests/init-producer-id.ts'
import { joinGroup } from './requests/join-group.ts'
import { metadata } from './requests/metadata.ts'
import { produce } from './requests/produce.ts'
import { syncGroup } from './requests/sync-group.ts'

const VERSIONS_REQUEST = { clientSoftwareName: 'raw', clientSoftwareVersion: '1' }

function produceRequest(topic: string, records: Buffer | null, acks = -1, index = 0) {
  return {
    transactionalId: null,
    acks,
    timeoutMs: 1000,
    topics: [{ name: topic, partitions: [{ index, records }] }],
  }
}

function fetchRequest(topic: string, fetchOffset: number, options: Partial<FetchOptions> = {}) {
  const { maxWaitMs = 0, minBytes = 1, maxBytes = 1e6, partitionMaxBytes = 1e6, partitions = [0] } = options
  return {
    replicaId: -1,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel: 1,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        name: topic,
        partitions: partitions.map((partition) => ({
          partition,
          currentLeaderEpoch: -1,
          fetchOffset,
          logStartOffset: -1,
          partitionMaxBytes,
        })),
      },
    ],
    forgottenTopics: [],
    rackId: '',
  }
}

interface FetchOptions {
  maxWaitMs: number
  minBytes: number
  maxBytes: number
  partitionMaxBytes: number
  partitions: number[]
}

/** A broker whose fetches wait as long as they ask for, so that only an event can end them. */
async function patientBroker(): Promise<Broker> {
  const target = await broker({ fetchWaitMsMax: 60_000 })
  target.createTopic('t', 2)
  return target
}

const JOIN = {
  groupId: 'g',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  memberId: '',
  groupInstanceId: null,
  protocolType: 'consumer',
  protocols: [{ name: 'any', metadata: Buffer.from('m') }],
}

const LONG = { maxWaitMs: 60_000 }

/**
 * Resolves when the broker has taken the fetch in: it follows a question in the same packet, whose answer
 * proves it. (The response is wrapped, or it would be awaited too.)
 */
async function parkedFetch(client: RawClient, request: ReturnType<typeof fetchRequest>) {
  client.socket.cork()
  const question = client.call(apiVersions, 0, VERSIONS_REQUEST)
  const response = client.call(fetch, 11, request)
  client.socket.uncork()
  await question
  return { response }
}

describe('versions', () => {
  it('are told in every version of the question, and only those that are served', async () => {
    const client = await rawClient(await broker())
    for (const version of [0, 1, 2, 3]) {
      const { errorCode, apiKeys } = await client.call(apiVersions, version, VERSIONS_REQUEST)
      expect(errorCode).toBe(ErrorCode.NONE)
      expect(apiKeys).toContainEqual({ apiKey: 1, minVersion: 4, maxVersion: 11 })
      expect(apiKeys.map(({ apiKey }) => apiKey)).not.toContain(24)
    }
  })

  it('are told in the oldest layout, with error 35, to a client that is too new', async () => {
    const client = await rawClient(await broker())
    const answer = await client.call({ ...apiVersions, flexibleFrom: 99 }, 0, VERSIONS_REQUEST)
    const tooNew = new Promise<Buffer>((resolve) => client.socket.once('data', resolve))
    client.post(apiVersions, 9, VERSIONS_REQUEST)
    const frame = await tooNew
    expect(frame.readInt16BE(8)).toBe(ErrorCode.UNSUPPORTED_VERSION)
    expect(frame.readInt32BE(10)).toBe(answer.apiKeys.length)
    expect(frame.readInt32BE(0)).toBe(4 + 2 + 4 + answer.apiKeys.length * 6)
  })

  it('that are not served end the connection, and the log says why', async () => {
    const lines: string[] = []
    const client = await rawClient(await broker({ log: (_level, line) => lines.push(line) }))
    client.post({ ...heartbeat, flexibleFrom: 99 }, 77, {
      groupId: 'g',
      generationId: 0,
      memberId: '',
      groupInstanceId: null,
    })
    await client.closed
    expect(lines.join()).toContain('Heartbeat version 77, but only 0 to 3 are served')
  })
})

describe('garbage', () => {
  it.each([
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a TLS greeting', Buffer.from('16030100f4010000f00303', 'hex')],
    ['a negative size', Buffer.from('ffffffff', 'hex')],
    ['a request without a header', Buffer.from('0000000400120000', 'hex')],
    ['an unknown request', Buffer.from('0000000a7fff00000000000100ff', 'hex')],
    ['a body that ends too early', Buffer.from('0000000b000b000000000001000000', 'hex')],
  ])('ends its own connection and no other: %s', async (_what, bytes) => {
    const lines: string[] = []
    const target = await broker({ log: (level, line) => lines.push(`${level} ${line}`) })
    const bystander = await rawClient(target)
    const client = await rawClient(target)
    client.socket.write(bytes)
    await client.closed
    expect(lines.join('\n')).toMatch(/warn closing the connection of 127\.0\.0\.1:\d+: /)
    expect(await bystander.call(apiVersions, 0, VERSIONS_REQUEST)).toMatchObject({ errorCode: 0 })
  })

  it('is not waited for: a request above the limit is refused by its size', async () => {
    const client = await rawClient(await broker({ requestBytesMax: 2000 }))
    client.socket.write(Buffer.from('000007d1', 'hex'))
    await client.closed
  })

  it('cut into single bytes, a good request is still understood', async () => {
    const client = await rawClient(await broker())
    const whole = Buffer.from('000000110012000000000007000372617700000000'.slice(0, 42), 'hex')
    for (const byte of whole) client.socket.write(Buffer.from([byte]))
    await until('an answer', () => client.answered.length > 0)
    expect(client.answered).toEqual([7])
  })
})

describe('a parked fetch', () => {
  it('is answered by the next append', async () => {
    const target = await patientBroker()
    const [reader, writer] = [await rawClient(target), await rawClient(target)]
    const waiting = await parkedFetch(reader, fetchRequest('t', 0, LONG))
    await writer.call(produce, 7, produceRequest('t', buildBatch({ values: ['now'] })))
    const records = (await waiting.response).topics[0]?.partitions[0]?.records
    expect(readBatchHeader(records as Buffer).recordCount).toBe(1)
  })

  it('is answered with all that one request appends, to whichever of its partitions', async () => {
    const target = await patientBroker()
    const [reader, writer] = [await rawClient(target), await rawClient(target)]
    const waiting = await parkedFetch(reader, fetchRequest('t', 0, { ...LONG, partitions: [0, 1] }))
    const partitions = [0, 1].map((index) => ({ index, records: buildBatch() }))
    await writer.call(produce, 7, { ...produceRequest('t', null), topics: [{ name: 't', partitions }] })
    const read = (await waiting.response).topics[0]?.partitions ?? []
    expect(read.map(({ records }) => readBatchHeader(records).recordCount)).toEqual([1, 1])
  })

  it('waits for as many bytes as it asks for', async () => {
    const target = await patientBroker()
    const [reader, writer] = [await rawClient(target), await rawClient(target)]
    const size = buildBatch().length
    const waiting = await parkedFetch(reader, fetchRequest('t', 0, { ...LONG, minBytes: size * 2 }))
    await writer.call(produce, 7, produceRequest('t', buildBatch()))
    expect(reader.answered).toHaveLength(1)
    await writer.call(produce, 7, produceRequest('t', buildBatch()))
    expect((await waiting.response).topics[0]?.partitions[0]?.records).toHaveLength(size * 2)
  })

  it('is answered when a request arrives behind it, and before that one', async () => {
    const client = await rawClient(await patientBroker())
    const first = client.post(fetch, 11, fetchRequest('t', 0, LONG))
    const second = client.post(apiVersions, 2, VERSIONS_REQUEST)
    await until('two answers', () => client.answered.length === 2)
    expect(client.answered).toEqual([first, second])
  })

  it('is answered when its topic is deleted', async () => {
    const target = await patientBroker()
    const [reader, admin] = [await rawClient(target), await rawClient(target)]
    const waiting = await parkedFetch(reader, fetchRequest('t', 0, LONG))
    await admin.call(deleteTopics, 1, { topicNames: ['t'], timeoutMs: 1000 })
    expect((await waiting.response).topics[0]?.partitions[0]).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    })
  })

  it('is answered at the end of its time, capped by the broker', async () => {
    const target = await broker({ fetchWaitMsMax: 20 })
    target.createTopic('t')
    const client = await rawClient(target)
    const { topics } = await client.call(fetch, 11, fetchRequest('t', 0, LONG))
    expect(topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, records: Buffer.alloc(0) })
  })

  it('is answered when its consumer’s group rebalances', async () => {
    const target = await patientBroker()
    const [member, newcomer] = [await rawClient(target), await rawClient(target)]
    const { memberId } = await member.call(joinGroup, 3, JOIN)
    const sync = { groupId: 'g', generationId: 1, memberId, groupInstanceId: null, assignments: [] }
    expect(await member.call(syncGroup, 3, sync)).toMatchObject({ errorCode: 0 })
    const waiting = await parkedFetch(member, fetchRequest('t', 0, LONG))
    newcomer.post(joinGroup, 3, JOIN)
    const { topics } = await waiting.response
    expect(topics[0]?.partitions[0]?.records).toHaveLength(0)
    const beat = { groupId: 'g', generationId: 1, memberId, groupInstanceId: null }
    expect((await member.call(heartbeat, 3, beat)).errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
  })

  it('does not keep the broker from stopping', async () => {
    const target = await patientBroker()
    const client = await rawClient(target)
    const waiting = await parkedFetch(client, fetchRequest('t', 0, LONG))
    await Promise.all([
      target.stop(),
      expect(waiting.response).rejects.toThrow('the broker ended the connection'),
    ])
  })
})

describe('a fetch', () => {
  it('returns the first batch whole, even if it is larger than all limits, and no second one', async () => {
    const target = await patientBroker()
    const client = await rawClient(target)
    const batch = buildBatch({ values: ['x'.repeat(5000)] })
    for (const index of [0, 0, 1])
      await client.call(produce, 7, produceRequest('t', Buffer.from(batch), -1, index))
    const tight = { maxBytes: 10, partitionMaxBytes: 10, partitions: [0, 1] }
    const { topics } = await client.call(fetch, 11, fetchRequest('t', 0, tight))
    expect(topics[0]?.partitions.map(({ records }) => records.length)).toEqual([batch.length, 0])
  })

  it('outside the log is told so, with an empty record set', async () => {
    const target = await patientBroker()
    const client = await rawClient(target)
    for (let batch = 0; batch < 3; batch += 1)
      await client.call(produce, 7, produceRequest('t', buildBatch()))
    await client.call(deleteRecords, 1, {
      topics: [{ name: 't', partitions: [{ index: 0, offset: 2 }] }],
      timeoutMs: 1000,
    })
    for (const offset of [1, 4]) {
      const { topics } = await client.call(fetch, 11, fetchRequest('t', offset, LONG))
      expect(topics[0]?.partitions[0]).toMatchObject({
        errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
        records: Buffer.alloc(0),
        logStartOffset: 2,
        highWatermark: 3,
      })
    }
  })
})

describe('a produce', () => {
  it('without acks is appended and not answered', async () => {
    const target = await patientBroker()
    const client = await rawClient(target)
    client.post(produce, 7, produceRequest('t', buildBatch(), 0))
    const next = client.post(apiVersions, 0, VERSIONS_REQUEST)
    await until('an answer', () => client.answered.length > 0)
    expect(client.answered).toEqual([next])
    expect(target.topics()[0]?.partitions[0]).toEqual({ startOffset: 0, endOffset: 1 })
  })

  it('of a flipped bit is refused, appended is nothing, and the log says so', async () => {
    const lines: string[] = []
    const target = await broker({ log: (_level, line) => lines.push(line) })
    target.createTopic('t')
    const client = await rawClient(target)
    const batch = buildBatch()
    batch.writeUInt8(batch.readUInt8(70) ^ 1, 70)
    const { topics } = await client.call(produce, 8, produceRequest('t', batch))
    expect(topics[0]?.partitions[0]).toMatchObject({
      errorCode: ErrorCode.CORRUPT_MESSAGE,
      baseOffset: -1,
      errorMessage: 'wrong checksum',
    })
    expect(target.topics()[0]?.partitions[0]?.endOffset).toBe(0)
    expect(lines.join()).toContain('t/0: wrong checksum')
  })

  it('for what does not exist is refused', async () => {
    const client = await rawClient(await patientBroker())
    for (const request of [
      produceRequest('nowhere', buildBatch()),
      produceRequest('t', buildBatch(), -1, 2),
    ]) {
      const { topics } = await client.call(produce, 7, request)
      expect(topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }
  })

  it('that is repeated is a success with the first offset', async () => {
    const target = await patientBroker()
    const client = await rawClient(target)
    const { producerId } = await client.call(initProducerId, 1, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    })
    const send = async (baseSequence: number) => {
      const batch = buildBatch({ producerId, producerEpoch: 0, baseSequence, values: ['a', 'b'] })
      return (await client.call(produce, 7, produceRequest('t', batch))).topics[0]?.partitions[0]
    }
    await send(0)
    expect(await send(2)).toMatchObject({ errorCode: 0, baseOffset: 2 })
    expect(await send(0)).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(await send(2)).toMatchObject({ errorCode: 0, baseOffset: 2 })
    expect(target.topics()[0]?.partitions[0]?.endOffset).toBe(4)
  })

  it('keeps the order of a pipeline', async () => {
    const target = await patientBroker()
    const client = await rawClient(target)
    const sends = Array.from({ length: 50 }, (_, at) =>
      client.call(produce, 7, produceRequest('t', buildBatch({ values: Array(at + 1).fill('x') }))),
    )
    const bases = (await Promise.all(sends)).map(({ topics }) => topics[0]?.partitions[0]?.baseOffset)
    expect(bases).toEqual(sends.map((_, at) => (at * (at + 1)) / 2))
  })
})

describe('a client that asks and does not listen', () => {
  it('is not served further until it does; then it gets everything, in order', async () => {
    const target = await broker({ messageBytesMax: 10_000_000 })
    target.createTopic('t')
    const client = await rawClient(target)
    await client.call(produce, 7, produceRequest('t', buildBatch({ values: ['x'.repeat(5_000_000)] })))
    client.answered.length = 0
    client.socket.pause()
    const large = { maxBytes: 1e7, partitionMaxBytes: 1e7 }
    const ids = Array.from({ length: 40 }, () => client.post(fetch, 11, fetchRequest('t', 0, large)))
    client.post(produce, 7, produceRequest('t', buildBatch(), 0))
    const bystander = await rawClient(target)
    await bystander.call(produce, 7, produceRequest('t', buildBatch()))
    const endOffset = () => target.topics()[0]?.partitions[0]?.endOffset
    expect(endOffset()).toBe(2)
    client.socket.resume()
    await until('all answers', () => client.answered.length === ids.length)
    expect(client.answered).toEqual(ids)
    await until('what came after the fetches', () => endOffset() === 3)
  })
})

describe('metadata', () => {
  it('lists all topics for null, none for an empty list, and all for an empty list of version 0', async () => {
    const client = await rawClient(await patientBroker())
    const ask = async (version: number, topics: { name: string }[] | null) => {
      const answer = await client.call(metadata, version, {
        topics,
        allowAutoTopicCreation: false,
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      })
      return answer.topics.map(({ name }) => name)
    }
    expect(await ask(6, null)).toEqual(['t'])
    expect(await ask(6, [])).toEqual([])
    expect(await ask(0, [])).toEqual(['t'])
  })
})

describe('a group member', () => {
  it('is known by the id it was told to come back with', async () => {
    const client = await rawClient(await patientBroker())
    const request = JOIN
    const refused = await client.call(joinGroup, 5, request)
    expect(refused.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED)
    const joined = await client.call(joinGroup, 5, { ...request, memberId: refused.memberId })
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: refused.memberId })
    const early = await client.call(joinGroup, 3, { ...request, groupId: 'h' })
    expect(early).toMatchObject({ errorCode: 0, generationId: 1 })
    const tooShort = await client.call(joinGroup, 5, { ...request, sessionTimeoutMs: 99 })
    expect(tooShort.errorCode).toBe(ErrorCode.INVALID_SESSION_TIMEOUT)
  })
})
