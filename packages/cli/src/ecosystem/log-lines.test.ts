import { describe, expect, it } from '@jest/globals'
import { addressOf, addressText } from './address.ts'
import { lineSplitter, serviceLine } from './log-lines.ts'

describe('a line of a service', () => {
  it('is told in words if it is a log line', () => {
    const line = '{"level":40,"time":1,"service":"order","msg":"kafka is away","attempt":3,"where":"here"}'
    expect(serviceLine('order', line)).toEqual({
      service: 'order',
      level: 'warn',
      text: 'kafka is away  attempt=3  where=here',
    })
  })

  it('brings the stack of an error', () => {
    expect(serviceLine('order', '{"level":50,"msg":"no","err":{"stack":"Error: why\\n at x"}}').text).toBe(
      'no  Error: why\n at x',
    )
  })

  it.each(['order cannot start:', '{not json', '{"level":'])('is taken as it is if it is "%s"', (line) => {
    expect(serviceLine('order', line)).toEqual({ service: 'order', level: 'error', text: line })
  })
})

describe('output in chunks', () => {
  it('is split into lines wherever the chunks break, without empty ones', () => {
    const lines: string[] = []
    const take = lineSplitter((line) => lines.push(line))
    for (const chunk of ['on', 'e\ntw', 'o\n\n', 'three\n', 'rest']) take(chunk)
    expect(lines).toEqual(['one', 'two', 'three'])
  })

  it('does not grow without end when no line ends', () => {
    const lines: string[] = []
    const take = lineSplitter((line) => lines.push(line), 10)
    for (let chunk = 0; chunk < 100; chunk += 1) take('abcdefgh')
    take('\n')
    expect(lines.map(({ length }) => length)).toEqual([10])
  })
})

describe('an address', () => {
  it.each([
    ['127.0.0.1:9092', { host: '127.0.0.1', port: 9092 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    [':9092', { host: '127.0.0.1', port: 9092 }],
    ['9092', { host: '127.0.0.1', port: 9092 }],
    ['[::1]:9092', { host: '::1', port: 9092 }],
  ])('is read from %s', (text, address) => {
    expect(addressOf(text)).toEqual(address)
  })

  it.each(['', 'localhost', 'localhost:', '1.2.3.4:70000', 'http://x:80', 'a b:80', '-1'])(
    'is refused as "%s"',
    (text) => {
      expect(() => addressOf(text)).toThrow(/is not host:port/)
    },
  )

  it('has brackets around a v6 host when it is written', () => {
    expect(addressText({ host: '::1', port: 80 })).toBe('[::1]:80')
  })
})
