import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { ConfigResourceTypes } from 'kafkajs'
import { lockFileName } from '../stack/folder-lock.ts'
import { adminFor, broker, later, listenTo, producerFor, until } from './clients.test.kit.ts'
import { buildBatch } from './log/batch.test.kit.ts'
import { rawClient } from './raw-client.test.kit.ts'
import { initProducerId } from './requests/init-producer-id.ts'
import { produce } from './requests/produce.ts'

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'embedded-broker-'))
  later(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function filesIn(dir: string, suffix: string): string[] {
  return fs
    .readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(dir, name))
}

describe('a folder', () => {
  it('gives a second broker the topics, messages, settings and offsets of the first', async () => {
    const dir = folder()
    const first = await broker({ dir, fsync: true })
    const admin = await adminFor(first)
    const configEntries = [{ name: 'retention.ms', value: '77' }]
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 2, configEntries }] })
    const producer = await producerFor(first)
    for (let batch = 0; batch < 3; batch += 1) {
      const messages = [0, 1].map((partition) => ({ partition, value: `${batch}`, headers: { h: 'x' } }))
      await producer.send({ topic: 't', messages })
    }
    await admin.fetchTopicOffsets('t')
    await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 1, offset: '1' }] })
    first.setGroupOffsets('g', 't', { 0: 2, 1: -2 })
    const before = { topics: first.topics(), groups: first.groups() }
    await producer.disconnect()
    await admin.disconnect()
    await first.stop()

    const second = await broker({ dir })
    expect({ topics: second.topics(), groups: second.groups() }).toEqual(before)
    const { seen } = await listenTo(second, 't', { groupId: 'g' })
    await until('what the group had not read', () => seen.length === 3)
    expect(seen.map(({ partition, offset, value }) => `${partition}/${offset}=${value}`).sort()).toEqual([
      '0/2=2',
      '1/1=1',
      '1/2=2',
    ])
    const { resources } = await (await adminFor(second)).describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: 't', configNames: ['retention.ms'] }],
    })
    expect(resources[0]?.configEntries[0]?.configValue).toBe('77')
    await (await producerFor(second)).send({ topic: 't', messages: [{ partition: 0, value: 'more' }] })
    expect(second.topics()[0]?.partitions[0]?.endOffset).toBe(4)
  })

  it('keeps what a broker wrote that never stopped', async () => {
    const dir = folder()
    const script = `
      const { startBroker } = await import(${JSON.stringify(new URL('./broker.ts', import.meta.url).href)})
      const broker = await startBroker({ dir: ${JSON.stringify(dir)} })
      broker.createTopic('t')
      broker.setGroupOffsets('g', 't', { 0: 41 })
      process.stdout.write('ready')
      setInterval(() => {}, 1000)`
    fs.writeFileSync(join(dir, 'holder.mjs'), script.replaceAll('.ts"', '.js"').replace('/src/', '/dist/'))
    const child = spawn(process.execPath, [join(dir, 'holder.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
    later(() => child.kill('SIGKILL'))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await expect(broker({ dir })).rejects.toMatchObject({
      code: 'BROKER_FOLDER_IN_USE',
      message: expect.stringContaining(`process ${child.pid}`),
    })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
    const heir = await broker({ dir })
    expect(heir.groups()[0]?.offsets).toEqual({ t: { 0: 41 } })
  })

  it('belongs to one broker at a time, also within a process', async () => {
    const dir = folder()
    const first = await broker({ dir })
    await expect(broker({ dir })).rejects.toMatchObject({
      code: 'BROKER_FOLDER_IN_USE',
      message: expect.stringContaining(String(process.pid)),
    })
    await first.stop()
    await broker({ dir })
  })

  it('is let go when the start fails', async () => {
    const dir = folder()
    const { port } = await broker()
    await expect(broker({ dir, port })).rejects.toMatchObject({ code: 'BROKER_ADDRESS_TAKEN' })
    await broker({ dir })
  })

  it.each([
    ['half a batch', (bytes: Buffer) => bytes.subarray(0, bytes.length - 5), 2],
    ['half a header', (bytes: Buffer) => Buffer.concat([bytes, bytes.subarray(0, 30)]), 3],
    ['zeros', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(500)]), 3],
    [
      'a batch with a flipped bit',
      (bytes: Buffer) => {
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
        return bytes
      },
      2,
    ],
  ])('with a torn end (%s) is cut back to the last whole batch, aloud', async (_what, tear, kept) => {
    const dir = folder()
    const first = await broker({ dir })
    const producer = await producerFor(first)
    for (const value of ['a', 'b', 'c']) await producer.send({ topic: 't', messages: [{ value }] })
    await producer.disconnect()
    await first.stop()
    const [path] = filesIn(dir, '.log') as [string]
    fs.writeFileSync(path, tear(fs.readFileSync(path)))

    const lines: string[] = []
    const second = await broker({ dir, log: (level, line) => lines.push(`${level} ${line}`) })
    expect(lines.join('\n')).toMatch(/warn .*\.log: the last \d+ bytes are no whole batch and were cut off/)
    expect(second.topics()[0]?.partitions[0]?.endOffset).toBe(kept)
    await (await producerFor(second)).send({ topic: 't', messages: [{ value: 'after' }] })
    const { seen } = await listenTo(second, 't')
    await until('the kept and the new', () => seen.length === kept + 1)
    expect(seen.map(({ value }) => value)).toEqual([...['a', 'b', 'c'].slice(0, kept), 'after'])
  })

  it('with a torn line of offsets loses that line alone, aloud', async () => {
    const dir = folder()
    const first = await broker({ dir })
    first.createTopic('t', 2)
    first.setGroupOffsets('g', 't', { 0: 1 })
    first.setGroupOffsets('g', 't', { 1: 1 })
    await first.stop()
    const [path] = filesIn(dir, 'offsets.jsonl') as [string]
    fs.truncateSync(path, fs.statSync(path).size - 3)
    const lines: string[] = []
    const second = await broker({ dir, log: (_level, line) => lines.push(line) })
    expect(second.groups()[0]?.offsets).toEqual({ t: { 0: 1 } })
    expect(lines.join()).toContain('the last line is torn')
  })

  it.each([
    ['catalogue.json', '{"format":'],
    ['catalogue.json', '{"format":2}'],
    ['offsets.jsonl', 'nonsense\n'],
  ])('with a damaged %s is refused by name', async (name, content) => {
    const dir = folder()
    fs.writeFileSync(join(dir, name), content)
    await expect(broker({ dir })).rejects.toMatchObject({
      code: 'BROKER_FOLDER_DAMAGED',
      message: expect.stringContaining(name),
    })
    expect(fs.existsSync(join(dir, lockFileName))).toBe(false)
  })

  it('remembers what idempotent producers sent, and gives no id twice', async () => {
    const dir = folder()
    const ids: number[] = []
    for (let start = 0; start < 2; start += 1) {
      const target = await broker({ dir })
      target.createTopic('t')
      const client = await rawClient(target)
      const asked = { transactionalId: null, transactionTimeoutMs: 0 }
      ids.push((await client.call(initProducerId, 1, asked)).producerId)
      // The second broker gets from the first producer what the first broker had got already.
      const records = buildBatch({ producerId: ids[0] as number, producerEpoch: 0, baseSequence: 0 })
      const { topics } = await client.call(produce, 7, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 1000,
        topics: [{ name: 't', partitions: [{ index: 0, records }] }],
      })
      expect(topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, baseOffset: 0 })
      expect(target.topics()[0]?.partitions[0]?.endOffset).toBe(1)
      await target.stop()
    }
    expect(new Set(ids).size).toBe(2)
  })

  it('that is none is refused by name', async () => {
    const path = join(folder(), 'file')
    fs.writeFileSync(path, '')
    await expect(broker({ dir: path })).rejects.toMatchObject({
      code: 'BROKER_FOLDER_UNUSABLE',
      message: expect.stringContaining(path),
    })
  })

  it('loses the files of a deleted topic, also those that a crash left over', async () => {
    const dir = folder()
    const first = await broker({ dir })
    const producer = await producerFor(first)
    await producer.send({ topic: 't', messages: [{ value: 'v' }] })
    await (await adminFor(first)).deleteTopics({ topics: ['t'] })
    expect(filesIn(dir, '.log')).toEqual([])
    await producer.disconnect()
    await first.stop()
    const leftover = join(dir, 'topics', 't.01234567-0123-0123-0123-0123456789ab')
    const foreign = join(dir, 'topics', 'notes')
    for (const path of [leftover, foreign]) fs.mkdirSync(path, { recursive: true })
    await broker({ dir })
    expect([fs.existsSync(leftover), fs.existsSync(foreign)]).toEqual([false, true])
  })
})
