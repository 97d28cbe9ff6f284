import { describe, expect, it } from '@jest/globals'
import { commandLane, type OutgoingRecord, TroupeError } from '@troupe/core'
import { benchFor, place } from '../kits/bank.test.kit.ts'
import { deferred, unreachable, until } from '../kits/fakes.test.kit.ts'
import { mustWait, nothing, recallAndSettle, settle, type Work } from './settle.ts'

const record = (id: string, lane = 'counter.events/0'): OutgoingRecord => ({
  id,
  lane,
  topic: 'bank.events',
  key: 'a',
  headers: {},
  value: null,
})

const request = { events: [], documents: [], steps: [], answers: [] }

async function claimed(bench: ReturnType<typeof benchFor>) {
  const { epoch, next } = await bench.ledger.claim(place)
  return { ...place, epoch, from: next, to: 1n }
}

describe('settling', () => {
  it('hands what was committed to the relay, and deletes with the next write what is published', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    await settle({ ...nothing, position, outbox: [record('one')] }, bench)
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['one'])
    expect([...bench.ledger.tables.outbox.keys()]).toEqual(['one'])
    await settle({ ...nothing, position: { ...position, from: 1n, to: 2n } }, bench)
    expect([...bench.ledger.tables.outbox.keys()]).toEqual([])
    expect(bench.relay.holds('one')).toBe(false)
  })

  it('writes nothing where there is nothing to write', async () => {
    const bench = benchFor()
    await settle(nothing, bench)
    expect(bench.ledger.calls).toEqual([])
  })

  it('publishes nothing of what was refused, and keeps the published ids for the next write', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    await settle({ ...nothing, position, outbox: [record('one')] }, bench)
    await expect(settle({ ...nothing, position, outbox: [record('two')] }, bench)).rejects.toMatchObject({
      code: 'TROUPE_FENCED',
    })
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['one'])
    expect(bench.relay.takePublished()).toEqual(['one'])
  })
})

describe('what was written for the same key before, and is in nobody’s hands', () => {
  const dead = (id: string) => record(id, 'lane of a process that died')

  it('is published first', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    bench.ledger.remember({
      outbox: [dead('first'), dead('second'), { ...dead('other key'), key: 'other' }],
    })
    bench.ledger.settings.pageMax = 1
    await settle({ ...nothing, position, outbox: [record('third')] }, bench)
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['first', 'second', 'third'])
  })

  it('is not read where it is in hand already', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    await settle({ ...nothing, position, outbox: [record('one')] }, bench)
    bench.relay.takePublished()
    await settle({ ...nothing, position: { ...position, from: 1n, to: 2n }, outbox: [record('two')] }, bench)
    expect(bench.ledger.tables.outbox.size).toBe(2)
    expect(bench.ledger.calls).not.toContain('outgoing')
  })

  it('is published first, too, if the answer of the commit was lost', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    bench.ledger.remember({ outbox: [dead('first')] })
    failOnce(bench, 'after')
    await settle({ ...nothing, position, outbox: [record('second')] }, bench)
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['first', 'second'])
  })

  it('is waited for while the database is away, and left to the next owner when the work is called off', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    bench.ledger.remember({ outbox: [dead('first')] })
    let isAway = true
    bench.ledger.before = (method) => {
      if (method === 'outgoing' && isAway) throw unreachable()
    }
    const work = { ...nothing, position, outbox: [record('second')] }
    const settling = settle(work, bench)
    await until(() => bench.dependencies.states().database.state === 'down')
    expect(bench.relay.sent).toEqual([])
    isAway = false
    await settling
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['first', 'second'])

    isAway = true
    bench.ledger.remember({ outbox: [dead('left')] })
    const later = { ...nothing, position: { ...position, from: 1n, to: 2n }, outbox: [record('third')] }
    const callOff = new AbortController()
    const givingUp = settle(later, { ...bench, signal: callOff.signal })
    await until(() => bench.ledger.calls.at(-1) === 'outgoing')
    callOff.abort()
    await expect(givingUp).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    expect(bench.relay.sent).toHaveLength(2)
    expect([...bench.ledger.tables.outbox.keys()]).toEqual(expect.arrayContaining(['left', 'third']))
  })
})

describe('published records', () => {
  it('are deleted a while later if the write that they travelled with is refused', async () => {
    let touches = 0
    const bench = benchFor({ sweeper: { touch: () => void touches++, stop() {} } })
    bench.relay.push([
      { id: 'one', lane: commandLane, topic: 'bank.events', key: 'a', headers: {}, value: null },
    ])
    const position = { ...place, epoch: 7, from: 0n, to: 1n }
    await expect(settle({ ...nothing, position }, bench)).rejects.toMatchObject({ code: 'TROUPE_FENCED' })
    expect(touches).toBe(1)
    expect(bench.relay.takePublished()).toEqual(['one'])
  })
})

describe('a commit whose answer was lost', () => {
  it('is written once and published once, if it had been committed', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    failOnce(bench, 'after')
    await settle({ ...nothing, position, outbox: [record('one')] }, bench)
    expect(bench.ledger.settled).toHaveLength(1)
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['one'])
  })

  it('is written again, if it had not been committed', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    failOnce(bench, 'before')
    await settle({ ...nothing, position, outbox: [record('one')] }, bench)
    expect(bench.ledger.settled).toHaveLength(1)
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['one'])
  })

  it('counts as written if it comes through while its fate is looked up', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    const work = { ...nothing, position, outbox: [record('one')] }
    overtake(bench)
    await settle(work, bench)
    expect(bench.ledger.settled).toHaveLength(1)
    expect(bench.relay.sent.map(({ id }) => id)).toEqual(['one'])
  })

  it('is left to the new owner, if there is one', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    bench.ledger.afterSettle = async () => {
      bench.ledger.afterSettle = () => {}
      await bench.ledger.claim(place)
      throw unreachable()
    }
    await expect(settle({ ...nothing, position, outbox: [record('one')] }, bench)).rejects.toMatchObject({
      code: 'TROUPE_FENCED',
    })
    expect(bench.relay.sent).toEqual([])
    // Whoever claims finds it.
    expect([...bench.ledger.tables.outbox.keys()]).toEqual(['one'])
  })

  it('is simply written again, if it only deletes published records', async () => {
    const bench = benchFor()
    const position = await claimed(bench)
    await settle({ ...nothing, position, outbox: [record('one')] }, bench)
    failOnce(bench, 'after')
    await settle(nothing, bench)
    expect(bench.ledger.tables.outbox.size).toBe(0)
    expect(bench.relay.takePublished()).toEqual([])
  })

  it.each(['before', 'after', 'in between'] as const)(
    'of commands gives each its stored answer and publishes its events once (lost %s the commit)',
    async (when) => {
      const bench = benchFor()
      const answer = { command: 'payIn', idempotencyKey: 'k1', inputHash: 'h', answer: 1 }
      const asked = { ...request, answers: [answer] }
      if (when === 'in between') overtake(bench)
      else failOnce(bench, when)
      const given: unknown[] = []
      await recallAndSettle(
        asked,
        undefined,
        (set) => {
          const known = set.answer('payIn', 'k1')
          given.push(known?.answer)
          if (!known) set.apply({ answer, documents: new Map(), outbox: [record('one', commandLane)] })
        },
        bench,
      )
      expect(bench.ledger.settled.filter(({ answers }) => answers.length > 0)).toHaveLength(1)
      expect(bench.relay.sent.map(({ id }) => id)).toEqual(['one'])
      expect(given).toEqual(when === 'before' ? [undefined] : [undefined, 1])
    },
  )

  it('of a command that another instance answered meanwhile publishes what that one said', async () => {
    const bench = benchFor()
    const answer = { command: 'payIn', idempotencyKey: 'k1', inputHash: 'h', answer: 'mine' }
    bench.ledger.before = async (method) => {
      if (method !== 'settle') return
      bench.ledger.before = () => {}
      const theirs = { ...record('one', commandLane), key: 'theirs' }
      await bench.ledger.settle({
        ...nothing,
        answers: [{ ...answer, answer: 'theirs' }],
        outbox: [theirs],
        published: [],
      })
      throw unreachable()
    }
    let last: unknown
    await recallAndSettle(
      { ...request, answers: [answer] },
      undefined,
      (set) => {
        last = set.answer('payIn', 'k1')?.answer
        if (last === undefined)
          set.apply({ answer, documents: new Map(), outbox: [record('one', commandLane)] })
      },
      bench,
    )
    expect(last).toBe('theirs')
    expect(bench.relay.sent.map(({ key }) => key)).toEqual(['theirs'])
  })
})

describe('deciding on what was recalled', () => {
  it('starts anew when somebody else was faster, and gives up after many times', async () => {
    const bench = benchFor()
    let decided = 0
    bench.ledger.before = (method) => {
      if (method === 'settle') throw new TroupeError('TROUPE_CONFLICT', 'Somebody was faster.')
    }
    const work = () =>
      recallAndSettle(
        request,
        undefined,
        (set) => {
          decided += 1
          if (decided === 3) bench.ledger.before = () => {}
          set.apply({ documents: new Map(), outbox: [record('one')] })
        },
        bench,
      )
    await work()
    expect(decided).toBe(3)

    decided = 10
    bench.ledger.before = (method) => {
      if (method === 'settle') throw new TroupeError('TROUPE_CONFLICT', 'Somebody was faster.')
    }
    await expect(work()).rejects.toMatchObject({ code: 'TROUPE_CONFLICT' })
    expect(decided).toBe(61)
  })

  it('holds no document while it waits for the outside, and waits again for what it did not know of', async () => {
    const bench = benchFor()
    const asked = { ...request, documents: [{ kind: 'account', key: 'a' }] }
    const ways: boolean[] = []
    let conflicts = 1
    bench.ledger.before = (method) => {
      if (method === 'settle' && conflicts-- > 0)
        throw new TroupeError('TROUPE_CONFLICT', 'Somebody was faster.')
    }
    const another = () => recallAndSettle(asked, undefined, () => {}, bench)
    await recallAndSettle(
      asked,
      undefined,
      async (set, mayWait) => {
        ways.push(mayWait)
        if (mayWait) await another()
        else if (ways.length === 2) throw mustWait
        set.apply({ documents: new Map(), outbox: [record('one')] })
      },
      { ...bench, callsOutside: true },
    )
    expect(ways).toEqual([true, false, true])
  })

  it('waits for a document that another batch holds, and stops waiting when it is called off', async () => {
    const bench = benchFor()
    const asked = { ...request, documents: [{ kind: 'account', key: 'a' }] }
    const held = deferred()
    const first = recallAndSettle(asked, undefined, () => held.promise, bench)
    let hasDecided = false
    const second = recallAndSettle(asked, undefined, () => void (hasDecided = true), bench)
    const callOff = new AbortController()
    const third = recallAndSettle(asked, undefined, () => {}, { ...bench, signal: callOff.signal })
    callOff.abort()
    await expect(third).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    expect(hasDecided).toBe(false)
    held.resolve()
    await Promise.all([first, second])
    expect(hasDecided).toBe(true)
  })

  it('lets go of its documents when it is called off while the database is away', async () => {
    const bench = benchFor()
    const asked = { ...request, documents: [{ kind: 'account', key: 'a' }] }
    bench.ledger.before = () => {
      throw unreachable()
    }
    const callOff = new AbortController()
    const first = recallAndSettle(asked, undefined, () => {}, { ...bench, signal: callOff.signal })
    await until(() => bench.dependencies.states().database.state === 'down')
    const second = recallAndSettle(asked, undefined, () => {}, bench)
    callOff.abort()
    await expect(first).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    bench.ledger.before = () => {}
    await second
  })

  it('is called off at once in the middle of a settle that gets no answer', async () => {
    const bench = benchFor()
    bench.ledger.before = (method) => (method === 'settle' ? new Promise<void>(() => {}) : undefined)
    const callOff = new AbortController()
    const work: Work = { ...nothing, outbox: [record('one')] }
    const settling = settle(work, { ...bench, signal: callOff.signal })
    await until(() => bench.ledger.calls.includes('settle'))
    callOff.abort()
    await expect(settling).rejects.toMatchObject({ code: 'TROUPE_STOPPED' })
    expect(bench.relay.sent).toEqual([])
  })
})

/** The next settle fails before it writes, or after it has written. */
function failOnce({ ledger }: ReturnType<typeof benchFor>, when: 'before' | 'after'): void {
  if (when === 'after') {
    ledger.afterSettle = () => {
      ledger.afterSettle = () => {}
      throw unreachable()
    }
    return
  }
  ledger.before = (method) => {
    if (method !== 'settle') return
    ledger.before = () => {}
    throw unreachable()
  }
}

/** The next settle loses its connection, and is written by the server when its author has looked already. */
function overtake({ ledger }: ReturnType<typeof benchFor>): void {
  let late: Parameters<typeof ledger.settle>[0] | undefined
  ledger.before = async (method, settlement) => {
    if (method !== 'settle') return
    if (late === undefined) {
      late = settlement
      throw unreachable()
    }
    ledger.before = () => {}
    await ledger.settle(late)
  }
}
