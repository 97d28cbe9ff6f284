import { describe, expect, it } from '@jest/globals'
import { broker, listenTo, producerFor, until } from './clients.test.kit.ts'

describe('a producer and a consumer group', () => {
  it('carry keys, values, nulls and headers through unchanged', async () => {
    const target = await broker()
    const producer = await producerFor(target)
    const sent = await producer.send({
      topic: 'orders',
      messages: [
        { key: 'a', value: 'one', headers: { kind: 'first', trace: Buffer.from([0x61]) } },
        { key: null, value: 'no key' },
        { key: 'gone', value: null },
        { key: '', value: '' },
      ],
    })
    expect(sent[0]).toMatchObject({ errorCode: 0, baseOffset: '0', partition: 0 })

    const { seen } = await listenTo(target, 'orders')
    await until('four messages', () => seen.length === 4)
    expect(seen).toEqual([
      { partition: 0, offset: '0', key: 'a', value: 'one', headers: { kind: 'first', trace: 'a' } },
      { partition: 0, offset: '1', key: null, value: 'no key', headers: {} },
      { partition: 0, offset: '2', key: 'gone', value: null, headers: {} },
      { partition: 0, offset: '3', key: '', value: '', headers: {} },
    ])
  })
})
