import { describe, expect, it } from '@jest/globals'
import { command } from '../declare/command.ts'
import { document } from '../declare/document.ts'
import { isTroupeError } from '../errors.ts'
import { ask, deciding, deliver, eventType, nothingStored } from '../fixtures.test.kit.ts'
import { decideTwice, type Elsewhere, firstDifference } from './purity.ts'
import { decideOn, reactTo } from './react.ts'
import { type ReactContext, reaction } from '../declare/reaction.ts'
import { service } from '../declare/service.ts'
import { workingSet } from './working-set.ts'

const Ordered = eventType<'Ordered', { orderId: string; tags: string[] }>('Ordered', 'shop')
const Packed = eventType<'Packed', { orderId: string; atMs: number }>('Packed', 'store')
const Marked = eventType<'Marked', { orderId: string }>('Marked', 'store')
const box = document<{ history: readonly number[] }>({ name: 'box', initial: () => ({ history: [] }) })

/** The world outside, which a handler must not look at: it goes on between two runs. */
let clock = 0
const later: Elsewhere = (run) => {
  clock += 1_000
  return run()
}

type Says = ReactContext<typeof Packed | typeof Marked>

/** What comes of a reaction that does this, run twice. */
function handled(does: (event: { data: { orderId: string; tags: string[] } }, says: Says) => void): string {
  clock = 1_000
  const pack = reaction({ on: Ordered, emits: [Packed, Marked], reads: () => [box('b')], react: does })
  const store = service({ name: 'store', reactions: { pack } })
  const delivery = deliver(Ordered, { orderId: 'o1', tags: ['a'] }, {}, store)
  const set = workingSet(nothingStored)
  const reads = [{ kind: 'box', key: 'b' }]
  const inputs = { data: delivery.event.data, performed: undefined, done: undefined }
  const run = (using: typeof deciding) =>
    reactTo(delivery, reads, { performed: undefined, done: undefined }, set, {
      deciding: using,
      lane: 'in/0',
    })
  try {
    const { outbox } = decideTwice({ elsewhere: later, handler: 'store.pack', deciding, inputs }, run)
    expect(set.writes().outbox).toEqual([])
    return outbox.map(({ headers }) => String(headers['ce_type'])).join()
  } catch (error) {
    if (!isTroupeError(error)) throw error
    return `${error.code}: ${error.message}`
  }
}

describe('a reaction that is run twice', () => {
  it('is decided once, if it says the same', () => {
    const says = handled(({ data: { orderId } }, { get, put, emit, id, timeMs }) => {
      put(box('b'), { history: [...get(box('b')).history, timeMs] })
      emit(Packed, { orderId, atMs: timeMs })
      emit(Marked, { orderId: `${orderId} ${id()}` })
    })
    expect(says).toBe('Packed,Marked')
  })

  it('is named with the first field that it says differently, and told where time and ids come from', () => {
    expect(handled(({ data: { orderId } }, { emit }) => emit(Packed, { orderId, atMs: clock }))).toBe(
      'TROUPE_REACTION_IMPURE: store.pack is not pure. It says different things when it is run twice on the same event: emitted[0].Packed.atMs was 1000, then 2000. Take the time from `timeMs` and ids from `id()`, and keep nothing between two runs.',
    )
  })

  it.each<[string, Parameters<typeof handled>[0], RegExp]>([
    [
      'puts another state',
      (_event, { put }) => put(box('b'), { history: [1, clock] }),
      /put\.box\/b\.history\[1\] was 1000, then 2000/,
    ],
    [
      'emits another event',
      ({ data: { orderId } }, { emit }) =>
        clock < 2_000 ? emit(Packed, { orderId, atMs: 1 }) : emit(Marked, { orderId }),
      /emitted\[0\]\.Packed was \{"orderId":"o1","atMs":1\}, then nothing/,
    ],
    [
      'emits nothing any more',
      ({ data: { orderId } }, { emit }) => (clock < 2_000 ? emit(Marked, { orderId }) : undefined),
      /emitted\[0\] was \{"Marked":\{"orderId":"o1"\}\}, then nothing/,
    ],
    [
      'throws',
      () => {
        if (clock > 1_000) throw new Error('too late')
      },
      /threw only the second time that it was run on the same event: too late/,
    ],
    [
      'changes its event',
      ({ data }) => void data.tags.push('b'),
      /changed what it was given: data\.tags\[1\] was nothing, then "b"\. Copy what you want to change/,
    ],
    [
      'keeps something between two runs',
      (() => {
        let count = 0
        return ({ data: { orderId } }, { emit }) => emit(Packed, { orderId, atMs: ++count })
      })(),
      /emitted\[0\]\.Packed\.atMs was 1, then 2/,
    ],
  ])('is refused if it %s', (_what, does, message) => {
    const refusal = handled(does)
    expect(refusal).toMatch(/^TROUPE_REACTION_IMPURE: store\.pack is not pure/)
    expect(refusal).toMatch(message)
  })

  it('that throws the first time has thrown, and is not run again', () => {
    let runs = 0
    const does = () => {
      runs += 1
      throw new Error('could not tell')
    }
    expect(() => handled(does)).toThrow('could not tell')
    expect(runs).toBe(1)
  })
})

describe('a command that is run twice', () => {
  it('is refused if it answers differently', () => {
    const react = () => ({ at: clock })
    const store = service({ name: 'store', reactions: {}, commands: { look: command({ emits: [], react }) } })
    const request = ask(store, 'look', {})
    const inputs = { input: request.input }
    expect(() =>
      decideTwice({ elsewhere: later, handler: 'store.look', deciding, inputs }, (using) =>
        decideOn(request, [], workingSet(nothingStored), using),
      ),
    ).toThrow(/store\.look is not pure.* answer\.at was \d+, then \d+/)
  })
})

describe('the first difference', () => {
  it.each<[unknown, unknown, string | undefined]>([
    [{ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }, undefined],
    [{ a: [1, { c: 2 }] }, { a: [1, { c: 3 }] }, 'a[1].c was 2, then 3'],
    [[1], [1, 2], '[1] was nothing, then 2'],
    [Number.NaN, Number.NaN, undefined],
    [{ a: undefined }, {}, undefined],
    [{ a: 5n }, { a: 6n }, 'a was 5n, then 6n'],
    [new Uint8Array([1]), new Uint8Array([1]), undefined],
    [{ a: new Uint8Array([1]) }, { a: new Uint8Array([2]) }, 'a was 1 bytes, then 1 other bytes'],
    [new Date(5), new Date(5), undefined],
    [{ a: [] }, { a: {} }, 'a was [], then {}'],
    [{ a: null }, { a: 'x'.repeat(100) }, `a was null, then "${'x'.repeat(79)}…`],
  ])('between %p and %p', (one, other, difference) => {
    expect(firstDifference(one, other)).toBe(difference)
  })
})
