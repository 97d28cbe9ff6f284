import { describe, expect, it } from '@jest/globals'
import { TroupeError } from '@troupe/core'
import { bank } from '../kits/bank.test.kit.ts'
import { keepingLog } from '../kits/fakes.test.kit.ts'
import { warnOfSmallTopic } from './topic-limit.ts'

async function said(
  ask: () => Promise<number | undefined>,
  service: Parameters<typeof warnOfSmallTopic>[0] = bank,
) {
  const log = keepingLog()
  await warnOfSmallTopic(service, { eventBytesMax: 900_000 }, { ask, log })
  return log.lines.map(({ level, message }) => [level, message])
}

describe('a topic that takes less than its service may emit', () => {
  it('is warned of once, with both numbers and the ways out', async () => {
    const [line, ...others] = await said(async () => 500_000)
    expect(others).toEqual([])
    expect(line).toEqual([
      'warn',
      expect.stringMatching(/^bank\.events takes no event of more than 500000 bytes/),
    ])
    expect(line?.[1]).toMatch(/up to 900000 may be emitted \(TROUPE_EVENT_BYTES_MAX\)/)
    expect(line?.[1]).toMatch(
      /Raise max\.message\.bytes of the topic to 900000, or set TROUPE_EVENT_BYTES_MAX=500000/,
    )
  })

  it('is no matter where it takes as much, or nothing is emitted', async () => {
    expect(await said(async () => 900_000)).toEqual([])
    expect(await said(async () => undefined)).toEqual([])
    expect(await said(async () => 1, { ...bank, says: [] })).toEqual([])
  })

  it('is not known where nobody may ask, which keeps no service from starting', async () => {
    const denied = new TroupeError('TROUPE_ACCESS_DENIED', 'DescribeConfigs is not allowed.')
    expect(await said(() => Promise.reject(denied))).toEqual([
      ['debug', 'how large an event bank.events takes may not be asked: DescribeConfigs is not allowed.'],
    ])
    expect(await said(() => Promise.reject(new Error('away')))).toEqual([
      ['debug', 'how large an event bank.events takes could not be asked: away'],
    ])
  })
})
