import { describe, expect, it } from '@jest/globals'
import type { RelayState } from '@troupe/kafka'
import { heldBackAt, watchBackPressure } from './back-pressure.ts'
import { fakeRelay, keepingLog } from '../kits/fakes.test.kit.ts'

const limits = { eventsMax: 10, eventsBytesMax: 1_000, commandsMax: 20, commandsBytesMax: 2_000 }

describe('back-pressure', () => {
  it.each([
    [9, 999, 'nothing'],
    [10, 0, 'events'],
    [0, 1_000, 'events'],
    [19, 1_999, 'events'],
    [20, 0, 'events and commands'],
    [0, 2_000, 'events and commands'],
  ])('at %i events of %i bytes holds back %s', (queued, queuedBytes, held) => {
    expect(heldBackAt({ queued, queuedBytes }, limits)).toBe(held)
  })

  it('says once when it begins, grows and ends, and how long it lasted', () => {
    const log = keepingLog()
    const relay: { state: RelayState } = { state: fakeRelay().state }
    let nowMs = 100
    const watch = watchBackPressure({ relay, limits, log, now: () => nowMs, everyMs: 1_000 })
    const at = (queued: number) => {
      relay.state = { ...relay.state, queued }
      nowMs += 1
      watch.state()
      return watch.state()
    }
    expect(at(0)).toMatchObject({ holdsBack: 'nothing', sinceMs: undefined })
    expect(at(12)).toMatchObject({ holdsBack: 'events', sinceMs: 102, unpublished: 12 })
    expect(at(25)).toMatchObject({ holdsBack: 'events and commands', sinceMs: 102 })
    expect(at(3)).toMatchObject({ holdsBack: 'nothing', sinceMs: undefined })
    expect(log.lines.map(({ level, facts }) => [level, facts['unpublished']])).toEqual([
      ['warn', 12],
      ['warn', 25],
      ['info', 3],
    ])
    expect(log.lines.at(-1)?.facts).toMatchObject({ heldBackMs: 2 })
  })
})
