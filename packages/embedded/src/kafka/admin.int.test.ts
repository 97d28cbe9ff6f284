import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import { describe, expect, it } from '@jest/globals'
import { ErrorCode } from './protocol/error-code.ts'
import { rawClient } from './raw-client.test.kit.ts'
import { incrementalAlterConfigs } from './requests/incremental-alter-configs.ts'
import { adminFor, broker, kafkaFor, listenTo, producerFor, until } from './clients.test.kit.ts'

describe('an administrator', () => {
  it('creates, lists, describes and deletes topics', async () => {
    const target = await broker({ defaultPartitions: 3 })
    const admin = await adminFor(target)
    expect(await admin.createTopics({ topics: [{ topic: 'a', numPartitions: 2 }, { topic: 'b' }] })).toBe(
      true,
    )
    expect(await admin.createTopics({ topics: [{ topic: 'a' }] })).toBe(false)
    expect(await admin.listTopics()).toEqual(['a', 'b'])
    const { topics } = await admin.fetchTopicMetadata({ topics: ['a', 'b'] })
    expect(new Map(topics.map(({ name, partitions }) => [name, partitions.length]))).toEqual(
      new Map([
        ['a', 2],
        ['b', 3],
      ]),
    )
    await admin.deleteTopics({ topics: ['a'] })
    expect(await admin.listTopics()).toEqual(['b'])
    await expect(admin.deleteTopics({ topics: ['a'] })).rejects.toThrow()
  })

  it.each([
    ['an illegal name', { topic: 'no spaces' }],
    ['a path', { topic: '..' }],
    ['no partitions', { topic: 'x', numPartitions: 0 }],
    ['three replicas on one node', { topic: 'x', replicationFactor: 3 }],
    ['an unknown setting', { topic: 'x', configEntries: [{ name: 'no.such', value: '1' }] }],
    ['a setting out of reason', { topic: 'x', configEntries: [{ name: 'retention.ms', value: 'long' }] }],
  ])('is refused %s', async (_what, topic) => {
    const target = await broker()
    const admin = await adminFor(target)
    await expect(admin.createTopics({ topics: [topic] })).rejects.toThrow()
    expect(target.topics()).toEqual([])
  })

  it('can have a creation checked without it', async () => {
    const target = await broker()
    const admin = await adminFor(target)
    await admin.createTopics({ validateOnly: true, waitForLeaders: false, topics: [{ topic: 'a' }] })
    expect(target.topics()).toEqual([])
  })

  it('lets a topic grow, and never shrink', async () => {
    const target = await broker()
    const admin = await adminFor(target)
    await admin.createTopics({ topics: [{ topic: 'a' }] })
    await admin.createPartitions({ topicPartitions: [{ topic: 'a', count: 3 }] })
    expect(target.topics()[0]?.partitions).toHaveLength(3)
    await expect(admin.createPartitions({ topicPartitions: [{ topic: 'a', count: 3 }] })).rejects.toThrow()
  })

  it('reads and replaces the settings of a topic', async () => {
    const target = await broker()
    const admin = await adminFor(target)
    await admin.createTopics({
      topics: [{ topic: 'a', configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }],
    })
    const resource = { type: ConfigResourceTypes.TOPIC, name: 'a' }
    const read = async (configNames?: string[]) => {
      const asked = configNames ? { ...resource, configNames } : resource
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [asked] })
      return new Map(
        resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
      )
    }
    expect((await read()).get('cleanup.policy')).toBe('compact')
    expect((await read()).size).toBeGreaterThan(20)
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '5000' }] }],
    })
    expect(await read(['retention.ms', 'cleanup.policy'])).toEqual(
      new Map([
        ['cleanup.policy', 'delete'],
        ['retention.ms', '5000'],
      ]),
    )
  })

  it('tells of a topic the limit of its broker, as what it is, unless it has one of its own', async () => {
    const target = await broker({ messageBytesMax: 500_000 })
    target.createTopic('a')
    const admin = await adminFor(target)
    const own = [{ name: 'max.message.bytes', value: '300000' }]
    await admin.createTopics({ topics: [{ topic: 'b', configEntries: own }] })
    const configNames = ['max.message.bytes']
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: ['a', 'b'].map((name) => ({ type: ConfigResourceTypes.TOPIC, name, configNames })),
    })
    // Source: Kafka protocol, config sources: 4 for a broker's own, 1 for a topic's.
    expect(
      resources.map(({ configEntries: [one] }) => [one?.configValue, one?.isDefault, one?.configSource]),
    ).toEqual([
      ['500000', false, 4],
      ['300000', false, 1],
    ])
  })

  it('changes single settings and leaves the others', async () => {
    const target = await broker()
    target.createTopic('a')
    const client = await rawClient(target)
    const change = async (name: string, operation: number, value: string | null) => {
      const resources = [{ resourceType: 2, resourceName: 'a', configs: [{ name, operation, value }] }]
      const { responses } = await client.call(incrementalAlterConfigs, 0, { resources, validateOnly: false })
      return responses[0]?.errorCode
    }
    const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const
    expect(await change('retention.ms', SET, '5')).toBe(ErrorCode.NONE)
    expect(await change('segment.ms', SET, '7')).toBe(ErrorCode.NONE)
    expect(await change('cleanup.policy', APPEND, 'compact')).toBe(ErrorCode.NONE)
    expect(await change('cleanup.policy', SUBTRACT, 'delete')).toBe(ErrorCode.NONE)
    expect(await change('segment.ms', DELETE, null)).toBe(ErrorCode.NONE)
    expect(await change('retention.ms', APPEND, '6')).toBe(ErrorCode.INVALID_CONFIG)
    expect(await change('retention.ms', SET, 'long')).toBe(ErrorCode.INVALID_CONFIG)
    const { resources } = await (await adminFor(target)).describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: 'a' }],
    })
    const own = resources[0]?.configEntries.filter(({ isDefault }) => !isDefault)
    expect(own?.map(({ configName, configValue }) => [configName, configValue])).toEqual([
      ['cleanup.policy', 'compact'],
      ['retention.ms', '5'],
    ])
  })

  it('makes a topic stamp messages with the time of their append, or take larger ones', async () => {
    const target = await broker()
    const admin = await adminFor(target)
    const configEntries = [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'max.message.bytes', value: '3000000' },
    ]
    await admin.createTopics({ topics: [{ topic: 'a', configEntries }] })
    const before = Date.now()
    const producer = await producerFor(target)
    const message = { value: 'x'.repeat(2_000_000), timestamp: '1000' }
    await producer.send({ topic: 'a', messages: [message] })
    await expect(producer.send({ topic: 'b', messages: [message] })).rejects.toThrow('larger than')
    expect(await admin.fetchTopicOffsetsByTimestamp('a', before)).toEqual([{ partition: 0, offset: '0' }])
  })

  it('sees where topics begin and end, and deletes records', async () => {
    const target = await broker()
    const producer = await producerFor(target)
    await producer.send({
      topic: 'a',
      messages: [1000, 2000, 3000].map((at) => ({ value: 'v', timestamp: `${at}` })),
    })
    const admin = await adminFor(target)
    // kafkajs deletes records of topics only whose metadata it has looked up before.
    await admin.fetchTopicOffsets('a')
    await admin.deleteTopicRecords({ topic: 'a', partitions: [{ partition: 0, offset: '1' }] })
    expect(await admin.fetchTopicOffsets('a')).toEqual([{ partition: 0, offset: '3', high: '3', low: '1' }])
    expect(await admin.fetchTopicOffsetsByTimestamp('a', 2500)).toEqual([{ partition: 0, offset: '2' }])
    expect(await admin.fetchTopicOffsetsByTimestamp('a', 9999)).toEqual([{ partition: 0, offset: '3' }])
    await expect(
      admin.deleteTopicRecords({ topic: 'a', partitions: [{ partition: 0, offset: '7' }] }),
    ).rejects.toThrow()
    await admin.deleteTopicRecords({ topic: 'a', partitions: [{ partition: 0, offset: '-1' }] })
    expect(target.topics()[0]?.partitions[0]).toEqual({ startOffset: 3, endOffset: 3 })
  })

  it('lists, describes and deletes groups', async () => {
    const target = await broker()
    target.createTopic('a')
    const admin = await adminFor(target)
    const { consumer } = await listenTo(target, 'a', { groupId: 'g' })
    await until('a member', () => target.groups()[0]?.state === 'Stable')
    expect(await admin.listGroups()).toEqual({ groups: [{ groupId: 'g', protocolType: 'consumer' }] })
    const { groups } = await admin.describeGroups(['g', 'nobody'])
    expect(groups.map(({ state }) => state)).toEqual(['Stable', 'Dead'])
    expect(groups[0]?.members[0]).toMatchObject({ clientId: 'test', clientHost: '/127.0.0.1' })
    expect(groups[0]?.members[0]?.memberAssignment.length).toBeGreaterThan(0)
    await expect(admin.deleteGroups(['g'])).rejects.toThrow()
    await consumer.disconnect()
    await admin.deleteGroups(['g'])
    expect(target.groups()).toEqual([])
    await expect(admin.deleteGroups(['g'])).rejects.toThrow()
  })

  it('finds a topic’s offsets gone with it, also for a namesake', async () => {
    const target = await broker()
    target.createTopic('a')
    target.setGroupOffsets('g', 'a', { 0: 5 })
    const admin = await adminFor(target)
    await admin.deleteTopics({ topics: ['a'] })
    target.createTopic('a')
    expect(target.groups()[0]?.offsets).toEqual({})
  })

  it('hears that access control is not served', async () => {
    const target = await broker()
    const admin = await adminFor(target)
    const filter = {
      resourceType: AclResourceTypes.TOPIC,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      operation: AclOperationTypes.ANY,
    }
    await expect(admin.describeAcls({ ...filter, permissionType: AclPermissionTypes.ANY })).rejects.toThrow(
      'does not support',
    )
  })
})

describe('a topic that nobody created', () => {
  it('comes up when it is asked for, unless that is switched off', async () => {
    const willing = await broker({ defaultPartitions: 2 })
    await (await producerFor(willing)).send({ topic: 'a', messages: [{ value: 'v' }] })
    expect(willing.topics()[0]?.partitions).toHaveLength(2)

    const strict = await broker({ autoCreateTopics: false })
    const producer = kafkaFor(strict).producer({ retry: { retries: 0 } })
    await producer.connect()
    await expect(producer.send({ topic: 'a', messages: [{ value: 'v' }] })).rejects.toThrow()
    await producer.disconnect()
  })

  it('is not created by an administrator who looks for it', async () => {
    const target = await broker()
    const admin = await adminFor(target)
    await expect(admin.fetchTopicMetadata({ topics: ['a'] })).rejects.toThrow()
    expect(target.topics()).toEqual([])
  })
})
