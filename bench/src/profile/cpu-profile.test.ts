import { describe, expect, it } from '@jest/globals'
import { cpuUseOf } from './cpu-profile.ts'

type Call = readonly [id: number, functionName: string, url: string, children?: number[]]

function profileOf(calls: readonly Call[], samples: readonly number[]) {
  const nodes = calls.map(([id, functionName, url, children]) => ({
    id,
    callFrame: { functionName, url, scriptId: '1', lineNumber: 9, columnNumber: 0 },
    ...(children ? { children } : {}),
  }))
  return { nodes, samples: [...samples], startTime: 0, endTime: 1 }
}

describe('the processor time of a process', () => {
  it('belongs to whatever of an event’s way is next outwards, and time asleep to nothing', () => {
    const profile = profileOf(
      [
        [1, '(root)', '', [2, 3, 6, 7, 8]],
        [2, '(idle)', ''],
        [3, 'take', 'file:///x/packages/runtime/dist/batch/partition.js', [4]],
        [4, 'decode', 'file:///x/packages/runtime/dist/batch/decode.js', [5]],
        [5, 'fromBuffer', 'file:///x/node_modules/avsc/lib/types.js'],
        [6, 'encode', '/x/node_modules/kafkajs/src/protocol/requests/produce/v3/request.js'],
        [7, 'parse', '/x/node_modules/pg-protocol/dist/parser.js'],
        [8, '(garbage collector)', ''],
      ],
      [2, 2, 3, 5, 5, 6, 7, 8],
    )
    const { byPurpose, top } = cpuUseOf(profile)
    expect(byPurpose).toEqual({
      'everything else': 1 / 6,
      decode: 2 / 6,
      relay: 1 / 6,
      'database wire': 1 / 6,
      'garbage collection': 1 / 6,
    })
    expect(top[0]).toEqual({ name: 'fromBuffer avsc/lib/types.js:10', share: 2 / 6 })
    expect(top).toHaveLength(5)
  })
})
