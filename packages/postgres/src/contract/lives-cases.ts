import assert from 'node:assert/strict'
import {
  type AsideRecord,
  type Claim,
  type DeadLetterWrite,
  deadLetterIdOf,
  type KeyPlace,
  keyNameOf,
  type Ledger,
  logPlaceOf,
  offsetName,
  type ParkedKeyWrite,
  type Parking,
} from '@troupe/core'
import {
  action,
  aside,
  dueIn,
  failure,
  firstPage,
  limits,
  parking,
  partition,
  place,
  versionOf,
} from './aside-building.ts'
import { migrated, moveOf, plain, settlement, twoInstances } from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

/** A record of one life of the topic, with an event that no other life has. */
function of(life: number, offset: number, key = 'order-1'): AsideRecord {
  const { record, event } = aside(offset, key, life === 0 ? {} : { life })
  const id = `event-${offsetName(record)}`
  return { record: { ...record, headers: { ce_id: id } }, event: event && { ...event, id } }
}

const parks = (key: KeyPlace, records: readonly AsideRecord[]): ParkedKeyWrite => ({
  ...key,
  form: 'park',
  next: { state: 'waiting', delayMs: 0, attempts: 1, failure: failure() },
  records,
})

const follows = (key: KeyPlace, records: readonly AsideRecord[]): ParkedKeyWrite => ({
  ...key,
  form: 'follow',
  records,
})

const dead = (one: AsideRecord, key = 'order-1'): DeadLetterWrite => ({
  id: deadLetterIdOf(one.record),
  key,
  ...one,
  failure: failure(),
  attempts: 6,
  firstFailedAtMs: undefined,
})

/** Owns the partition from one life of its topic to the next. */
async function ownerIn(ledger: Ledger) {
  let claim: Claim = await ledger.claim(partition, { id: 'life 0' })
  let made = 0
  return {
    get claim() {
      return claim
    },
    /** The topic is made again, and begun with. */
    async startOver(): Promise<Claim> {
      const replaces = `life ${made}`
      claim = await ledger.claim(partition, { id: `life ${++made}`, replaces })
      return claim
    },
    async settle(what: Parking): Promise<void> {
      const to = (claim.next ?? 0n) + 1n
      await ledger.settle(settlement({ position: moveOf(claim, to), parking: what }))
      claim = { ...claim, next: to }
    },
    /** Leaves the position as it is, also where there is none. */
    async tryAgain(what: Parking): Promise<void> {
      const position = { ...partition, epoch: claim.epoch, from: claim.next, to: claim.next }
      await ledger.settle(settlement({ position, parking: what }))
    },
  }
}

async function namesOf(ledger: Ledger, key: KeyPlace): Promise<readonly string[]> {
  const { found } = await ledger.parkedRecords(key, { after: -1n, limit: 100 })
  return found.map(({ record }) => offsetName(record))
}

/** What is set aside of a topic that is deleted and made again, so that the same offsets come once more. */
export const livesCases: readonly LedgerCase[] = [
  {
    title: 'counts the lives of a topic by the claims that start over, and tells each owner in which it is',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerIn(ledger)
      assert.equal(owner.claim.life, undefined)
      await owner.settle(parking([]))
      assert.equal((await owner.startOver()).life, 1)
      await owner.settle(parking([]))
      assert.equal((await ledger.claim(partition)).life, 1)
      assert.equal((await ledger.positionOf(partition))?.life, 1)
      assert.equal((await owner.startOver()).life, 2)
      assert.equal((await ledger.claim({ ...partition, partition: 4 })).life, undefined)
    },
  },
  {
    title: 'starts over once where several owners find the same new topic, and leaves what it has come to',
    async holds(open) {
      const ledger = await twoInstances(open)
      const owner = await ownerIn(ledger(0))
      await owner.settle(parking([]))
      const found = { id: 'life 1', replaces: 'life 0' }
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, turn) => ledger(turn).claim(partition, found)),
      )
      assert.deepEqual([...new Set(claims.map(({ life }) => life))], [1])
      const last = claims.reduce((one, other) => (other.epoch > one.epoch ? other : one))
      await ledger(1).settle(settlement({ position: moveOf(last, 5n) }))
      const late = await ledger(0).claim(partition, found)
      assert.deepEqual([late.life, late.next, late.topicId], [1, 5n, 'life 1'])
      // Nor does one who found a topic that is no more by now.
      const stale = await ledger(0).claim(partition, { id: 'life 0', replaces: 'life -1' })
      assert.deepEqual([stale.life, stale.next, stale.topicId], [1, 5n, 'life 1'])
    },
  },
  {
    title: 'parks events of several lives of a topic under equal offsets, and hands them out life by life',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerIn(ledger)
      const key = place('order-1')
      await owner.settle(parking([parks(key, [of(0, 5), of(0, 9)])]))
      await owner.startOver()
      await owner.settle(parking([follows(key, [of(1, 5), of(1, 2)])]))
      await owner.startOver()
      await owner.settle(parking([follows(key, [of(2, 5)])]))
      const inOrder = ['5', '9', '2~1', '5~1', '5~2']
      assert.deepEqual(await namesOf(ledger, key), inOrder)
      const [work] = await ledger.parkedWork([key], limits)
      assert.deepEqual(plain(work?.records[3]), plain({ ...of(1, 5).record, redrives: 0 }))
      assert.deepEqual(
        work?.records.map((one) => offsetName(one)),
        inOrder,
      )
      const page = await ledger.parkedRecords(key, { after: -1n, limit: 3 })
      const rest = await ledger.parkedRecords(key, { after: page.next ?? 0n, limit: 3 })
      assert.deepEqual(
        rest.found.map(({ record }) => offsetName(record)),
        inOrder.slice(3),
      )
      const version = (await versionOf(ledger, 'order-1')) ?? 0
      const done = [of(0, 5), of(1, 5)].map(({ record }) => logPlaceOf(record))
      await owner.settle(parking([{ ...key, form: 'retry', version, done, next: { state: 'free' } }]))
      assert.deepEqual(await namesOf(ledger, key), ['9', '2~1', '5~2'])
    },
  },
  {
    title: 'tries what is parked of a topic that was made again before anything of the new one is settled',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerIn(ledger)
      const key = place('order-1')
      await owner.settle(parking([parks(key, [of(0, 5)])]))
      const old = owner.claim
      const { next } = await owner.startOver()
      assert.equal(next, undefined)
      assert.deepEqual(await dueIn(ledger), ['order-1'])
      const version = (await versionOf(ledger, 'order-1')) ?? 0
      const tried = parking([{ ...key, form: 'retry', version, done: [5n], next: { state: 'free' } }])
      const fence = { ...partition, epoch: old.epoch, from: undefined, to: undefined }
      await assert.rejects(ledger.settle(settlement({ position: fence, parking: tried })))
      await owner.tryAgain(tried)
      assert.equal(await versionOf(ledger, 'order-1'), undefined)
      assert.equal((await ledger.positionOf(partition))?.next, undefined)
    },
  },
  {
    title:
      'keeps dead letters of several lives of a topic apart: each is seen, redriven and discarded by itself',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerIn(ledger)
      await owner.settle(parking([], [dead(of(0, 5)), dead(of(0, 7))]))
      await owner.startOver()
      await owner.settle(parking([], [dead(of(1, 5)), dead(of(1, 7))]))
      const ids = ['order.events/3/5', 'order.events/3/7', 'order.events/3/5~1', 'order.events/3/7~1']
      const { found } = await ledger.deadLetters({}, firstPage)
      assert.deepEqual(found.map(({ id }) => id).toSorted(), ids.toSorted())
      for (const [life, id] of [
        [0, ids[0]],
        [1, ids[2]],
      ] as const) {
        const stored = await ledger.deadLetter(id ?? '')
        assert.deepEqual(plain(stored?.record), plain(of(life, 5).record))
        assert.deepEqual([stored?.offset, stored?.life ?? 0], [5n, life])
      }
      // The new one first; the old one goes in front of it all the same.
      assert.deepEqual(await ledger.redrive([{ id: ids[2] ?? '' }], action), [ids[2]])
      assert.deepEqual(await ledger.redrive([{ id: ids[0] ?? '' }], action), [ids[0]])
      assert.deepEqual(await namesOf(ledger, place('order-1')), ['5', '5~1'])
      assert.deepEqual(await ledger.discardDeadLetters([ids[3] ?? ''], action), [ids[3]])
      assert.equal((await ledger.deadLetter(ids[1] ?? ''))?.state, 'open')
      const version = (await versionOf(ledger, 'order-1')) ?? 0
      const again = [{ ...dead(of(1, 5)), failure: failure({ message: 'again' }) }]
      const done = [5n, logPlaceOf(of(1, 5).record)]
      const key = { ...place('order-1'), form: 'retry', version, done, next: { state: 'free' } } as const
      await owner.settle(parking([key], again))
      const states = async (...asked: readonly (string | undefined)[]) =>
        Promise.all(
          asked.map(async (id) => {
            const { state, failure: why } = (await ledger.deadLetter(id ?? '')) ?? assert.fail('it is gone')
            return [state, why.message]
          }),
        )
      assert.deepEqual(await states(ids[0], ids[2]), [
        ['redriven', 'no card'],
        ['open', 'again'],
      ])
    },
  },
  {
    title: 'names what is discarded of a parked key after its life, and forgets it when it is parked no more',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerIn(ledger)
      const key = place('order-1')
      await owner.settle(parking([parks(key, [of(0, 5)])]))
      await owner.startOver()
      await owner.settle(parking([follows(key, [of(1, 5)])]))
      assert.equal(await ledger.discardParked([key], 'all', action), 2)
      const { found } = await ledger.deadLetters({ state: 'discarded' }, firstPage)
      const ids = ['order.events/3/5', 'order.events/3/5~1']
      assert.deepEqual(found.map(({ id }) => id).toSorted(), ids)
      await ledger.redrive([{ id: ids[1] ?? '' }], action)
      assert.equal((await ledger.forget('deadLetters', 0)).forgotten, 1)
      const { found: left } = await ledger.deadLetters({ state: 'any' }, firstPage)
      assert.deepEqual(
        left.map(({ id }) => id),
        ids.slice(1),
      )
    },
  },
  {
    title: 'parks records without a key by themselves, also those of one offset in two lives',
    async holds(open) {
      const ledger = await migrated(open)
      const owner = await ownerIn(ledger)
      const keyless = (life: number): AsideRecord => {
        const one = of(life, 5)
        return { ...one, record: { ...one.record, key: null } }
      }
      const keys = [0, 1].map((life) => place(keyNameOf(keyless(life).record)))
      assert.deepEqual(
        keys.map(({ key }) => key),
        ['@5', '@5~1'],
      )
      await owner.settle(parking([parks(place('@5'), [keyless(0)])]))
      await owner.startOver()
      await owner.settle(parking([parks(place('@5~1'), [keyless(1)])]))
      assert.deepEqual((await dueIn(ledger)).toSorted(), ['@5', '@5~1'])
    },
  },
]
