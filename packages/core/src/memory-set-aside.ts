// What a ledger sets aside, in memory: for tests, and to compare other ledgers with.
import { deadLetterIdOf } from './dead-letter.ts'
import { headerNames } from './envelope.ts'
import { logPlaceOf, ofLife } from './log-place.ts'
import type { EventName, RawRecord, TopicPartition } from './record.ts'
import {
  type AsideDesk,
  type AsideFilter,
  type AsideRecord,
  type DeadLetterFilter,
  type DeadLetterWrite,
  type KeyPlace,
  type MendedValue,
  type OperatorAction,
  type OperatorActionFilter,
  type ParkedKeyWrite,
  type ParkedSum,
  type Parking,
  type ParkingLedger,
  type RecalledKey,
  redrivenFromHeader,
  type StoredDeadLetter,
  type StoredOperatorAction,
  type StoredParkedKey,
} from './set-aside.ts'

/** The inbox beside it. */
export interface InboxBeside {
  /** Forgets an event, if it is there as dead-lettered. */
  forgetDeadLetter(event: EventName): void
  /** Keeps one as dead-lettered, unless it is there. */
  addDeadLetter(event: NonNullable<AsideRecord['event']>): void
}

export interface MemorySetAside extends ParkingLedger, AsideDesk {
  recall(keys: readonly KeyPlace[]): readonly RecalledKey[]
  /** Names the keys that are not as a settlement expects them. */
  changed(parking: Parking): readonly string[]
  /** Only what nothing {@link changed} of. */
  write(parking: Parking): void
  /** All keys that are parked, as `topic/partition/key`. */
  names(): readonly string[]
  /** Forgets all that may be forgotten of one kind, however old it is; says how many. */
  forget(what: 'deadLetters' | 'actions'): number
}

type Held = { -readonly [Name in keyof StoredParkedKey]: StoredParkedKey[Name] } & {
  version: number
  readonly seq: bigint
  records: (AsideRecord & { readonly redrives: number })[]
}
type Letter = { -readonly [Name in keyof StoredDeadLetter]: StoredDeadLetter[Name] } & {
  readonly seq: bigint
}

export function memorySetAside({
  nowMs,
  inbox,
}: {
  readonly nowMs: () => number
  readonly inbox: InboxBeside
}): MemorySetAside {
  const keys = new Map<string, Held>()
  const letters = new Map<string, Letter>()
  /** Each portion by itself. */
  const actions: StoredOperatorAction[] = []
  let seq = 0n

  function writeKey(write: ParkedKeyWrite): void {
    const { topic, partition, key } = write
    const name = nameOf(write)
    let held = keys.get(name)
    if (!held) keys.set(name, (held = emptyKey({ topic, partition, key }, ++seq, nowMs())))
    if (write.form !== 'retry') {
      held.records.push(...write.records.map((one) => ({ ...one, redrives: 0 })))
      sort(held)
    } else {
      held.records = held.records.filter(({ record }) => !write.done.includes(logPlaceOf(record)))
    }
    if (write.form !== 'follow') {
      held.version += 1
      goOn(held, write.next, nowMs())
    }
    if (write.form === 'retry') freeIfEmpty(held)
  }

  function writeLetter({
    id,
    key,
    record,
    event,
    failure,
    attempts,
    firstFailedAtMs,
  }: DeadLetterWrite): void {
    const before = letters.get(id)
    if (before) {
      Object.assign(before, { failure, attempts, lastFailedAtMs: nowMs(), state: 'open' })
      return
    }
    const { topic, partition, offset, life = 0 } = record
    letters.set(id, {
      id,
      topic,
      partition,
      key,
      offset,
      ...ofLife(life),
      record,
      event,
      failure,
      attempts,
      redrives: 0,
      firstFailedAtMs: firstFailedAtMs ?? nowMs(),
      lastFailedAtMs: nowMs(),
      state: 'open',
      bytes: bytesOf(record),
      seq: ++seq,
    })
  }

  function note(
    did: StoredOperatorAction['did'],
    action: OperatorAction,
    names: readonly string[],
    count: number,
  ) {
    if (count > 0) {
      const { by, reason, command } = action
      const at = { seq: ++seq, atMs: nowMs(), lastAtMs: nowMs() }
      actions.push({ ...at, by, reason, command, did, count, names, portions: 1 })
    }
  }

  function release(held: Held): void {
    held.version += 1
    goOn(held, { state: 'free' }, nowMs())
  }

  function freeIfEmpty(held: Held): void {
    if (held.records.length === 0 && held.state !== 'held') keys.delete(nameOf(held))
  }

  // A map keeps what was parked first at first.
  const inOrder = () => [...keys.values()]

  return {
    names: () => [...keys.keys()],
    forget(what) {
      if (what === 'actions') return actions.splice(0).length
      const parked = new Set(
        [...keys.values()].flatMap((held) => held.records.map(({ record }) => deadLetterIdOf(record))),
      )
      const gone = [...letters.values()].filter(({ id, state }) => state !== 'open' && !parked.has(id))
      for (const { id } of gone) letters.delete(id)
      return gone.length
    },
    recall: (asked) =>
      asked.flatMap((place) => {
        const held = keys.get(nameOf(place))
        const { topic, partition, key } = place
        return held ? [{ topic, partition, key, version: held.version }] : []
      }),
    changed: ({ keys: writes }) =>
      writes.flatMap((write) => {
        const held = keys.get(nameOf(write))
        const fits =
          write.form === 'park' ? !held : write.form === 'follow' ? held : held?.version === write.version
        return fits ? [] : [nameOf(write)]
      }),
    write({ keys: writes, deadLetters }) {
      for (const write of writes) writeKey(write)
      for (const letter of deadLetters) writeLetter(letter)
    },
    async dueKeys(partitions, perPartitionMax, calling) {
      const now = nowMs()
      const dueAtMs = ({ nextAtMs = Number.POSITIVE_INFINITY }: Held) => nextAtMs
      const waiting = partitions.map((place) => inOrder().filter((held) => isIn(held, place)))
      const next = Math.min(
        ...waiting
          .flat()
          .map(dueAtMs)
          .filter((atMs) => atMs > now),
      )
      const due = waiting.flatMap((all) =>
        all
          .filter((held) => dueAtMs(held) <= now)
          .filter((held) => !calling || calling.includes(pausedFor(held) ?? '') || !pausedFor(held))
          .sort((left, right) => dueAtMs(left) - dueAtMs(right))
          .slice(0, perPartitionMax),
      )
      return {
        keys: due.map((held) => ({
          topic: held.topic,
          partition: held.partition,
          key: held.key,
          pausedFor: pausedFor(held),
        })),
        nextMs: next === Number.POSITIVE_INFINITY ? undefined : next - now,
      }
    },
    async parkedWork(asked, { recordsPerKeyMax, bytesMax }) {
      let bytes = 0
      let isFirst = true
      return asked.flatMap((place) => {
        const held = keys.get(nameOf(place))
        if (!held || held.state === 'held') return []
        const records = held.records.slice(0, recordsPerKeyMax).flatMap(({ record, redrives }) => {
          bytes += bytesOf(record)
          const fits = isFirst || bytes <= bytesMax
          isFirst = false
          return fits ? [{ ...record, redrives }] : []
        })
        const { topic, partition, key, version, attempts, firstFailedAtMs } = held
        return records.length === 0 && held.records.length > 0
          ? []
          : [{ topic, partition, key, version, attempts, firstFailedAtMs, records }]
      })
    },
    async putOffKeys(asked, delayMs) {
      for (const { version, ...place } of asked) {
        const held = keys.get(nameOf(place))
        if (held?.version === version && held.state !== 'held') held.nextAtMs = nowMs() + delayMs
      }
    },
    parkedTotals: async (partitions) =>
      partitions.flatMap(({ topic, partition }) => {
        const here = [...keys.values()].filter((held) => isIn(held, { topic, partition }))
        return here.length === 0 ? [] : [{ topic, partition, ...sumOf(here, nowMs()) }]
      }),
    parkedSum: async () => sumOf([...keys.values()], nowMs()),
    parkedKeys: async (filter, { after, limit }) =>
      pageOf(
        inOrder().filter((held) => held.seq > after && keyFits(held, filter)),
        limit,
        ({ version: _version, records, seq: _seq, ...held }) => ({
          ...held,
          nextAtMs: held.state === 'paused' ? undefined : held.nextAtMs,
          events: records.length,
          bytes: totalBytes({ records }),
        }),
        ({ seq }) => seq,
      ),
    parkedRecords: async (place, { after, limit }) =>
      pageOf(
        (keys.get(nameOf(place))?.records ?? []).filter(({ record }) => logPlaceOf(record) > after),
        limit,
        ({ record, event }) => ({ record, event }),
        ({ record }) => logPlaceOf(record),
      ),
    async retryParked(places, action) {
      const found = places.flatMap((place) => keys.get(nameOf(place)) ?? [])
      for (const held of found) {
        if (held.state === 'held') release(held)
        else {
          held.version += 1
          held.nextAtMs = nowMs()
        }
        freeIfEmpty(held)
      }
      note('retry parked', action, found.map(nameOf), found.length)
      return found.length
    },
    async discardParked(places, what, action) {
      const found = [...new Set(places.flatMap((place) => keys.get(nameOf(place)) ?? []))]
      let count = 0
      for (const held of found) {
        const isHeld = held.state === 'held'
        const head = letters.get(held.deadLetter ?? '')
        if (isHeld && head?.state === 'open') {
          head.state = 'discarded'
          count += 1
        }
        const gone = held.records.splice(0, what === 'all' ? held.records.length : isHeld ? 0 : 1)
        count += gone.length
        for (const [nth, { record, event }] of gone.entries()) {
          const id = deadLetterIdOf(record)
          const failed = nth === 0 && !isHeld ? held : undefined
          writeLetter({
            id,
            key: held.key,
            record,
            event,
            failure: failed?.failure ?? discarded(action),
            attempts: failed?.attempts ?? 0,
            firstFailedAtMs: failed?.firstFailedAtMs,
          })
          const letter = letters.get(id)
          if (letter) letter.state = 'discarded'
          if (event) inbox.addDeadLetter(event)
        }
        release(held)
        freeIfEmpty(held)
      }
      note('discard parked', action, found.map(nameOf), count)
      return count
    },
    deadLetters: async (filter, { after, limit }) =>
      pageOf(
        [...letters.values()].filter((letter) => letter.seq > after && letterFits(letter, filter)),
        limit,
        ({ record: _record, seq: _seq, ...summary }) => summary,
        ({ seq }) => seq,
      ),
    async deadLetter(id) {
      const letter = letters.get(id)
      if (!letter) return undefined
      const { seq: _seq, ...stored } = letter
      return stored
    },
    async deadLetterGroups(filter) {
      const groups = new Map<string, Letter[]>()
      for (const letter of letters.values()) {
        if (!letterFits(letter, filter)) continue
        const { group } = letter.failure
        groups.set(group, [...(groups.get(group) ?? []), letter])
      }
      const all = [...groups].map(([group, members]) => {
        const last = members.reduce((one, other) =>
          other.lastFailedAtMs >= one.lastFailedAtMs ? other : one,
        )
        const { reaction, code, message } = last.failure
        const firstFailedAtMs = Math.min(...members.map((one) => one.firstFailedAtMs))
        return {
          group,
          reaction,
          code,
          message,
          count: members.length,
          firstFailedAtMs,
          lastFailedAtMs: last.lastFailedAtMs,
        }
      })
      return all.sort((left, right) => right.count - left.count || (left.group < right.group ? -1 : 1))
    },
    async redrive(asked, action) {
      const ids: string[] = []
      for (const { id, mended } of asked) {
        const letter = letters.get(id)
        if (!letter || letter.state === 'redriven') continue
        letter.state = 'redriven'
        letter.redrives += 1
        ids.push(id)
        const place = { topic: letter.topic, partition: letter.partition, key: letter.key }
        let held = keys.get(nameOf(place))
        if (!held) keys.set(nameOf(place), (held = emptyKey(place, ++seq, nowMs())))
        const record = mended ? withMended(letter.record, id, mended) : letter.record
        held.records.push({ record, event: letter.event, redrives: letter.redrives })
        sort(held)
        // One that is held for another dead letter waits for that, with what is redriven.
        if (held.state === 'held' && !asked.some((one) => one.id === held.deadLetter)) held.version += 1
        else release(held)
        if (letter.event) inbox.forgetDeadLetter(letter.event)
      }
      note('redrive', action, ids, ids.length)
      return ids
    },
    async discardDeadLetters(ids, action) {
      const gone = ids.filter((id) => letters.get(id)?.state === 'open')
      for (const id of gone) {
        const letter = letters.get(id)
        if (letter) letter.state = 'discarded'
        for (const held of keys.values()) if (held.deadLetter === id) release(held)
      }
      note('discard dead letters', action, gone, gone.length)
      return gone
    },
    operatorActions: async (filter, { after, limit }) =>
      pageOf(
        byCommand(actions)
          .filter((one) => (after === 0n || one.seq < after) && actionFits(one, filter))
          .reverse(),
        limit,
        (one) => ({ ...one, names: one.names.slice(0, 100) }),
        ({ seq }) => seq,
      ),
  }
}

function emptyKey(place: KeyPlace, seq: bigint, nowMs: number): Held {
  return {
    ...place,
    state: 'waiting',
    events: 0,
    bytes: 0,
    sinceMs: nowMs,
    nextAtMs: nowMs,
    attempts: 0,
    failure: undefined,
    firstFailedAtMs: undefined,
    lastFailedAtMs: undefined,
    deadLetter: undefined,
    version: 0,
    seq,
    records: [],
  }
}

function goOn(held: Held, next: Extract<ParkedKeyWrite, { form: 'retry' }>['next'], nowMs: number): void {
  if (next.state === 'free') {
    Object.assign(held, {
      state: 'waiting',
      nextAtMs: nowMs,
      attempts: 0,
      failure: undefined,
      firstFailedAtMs: undefined,
      lastFailedAtMs: undefined,
      deadLetter: undefined,
    })
    return
  }
  const { attempts, failure } = next
  if (next.state === 'paused') {
    Object.assign(held, { state: 'paused', attempts, failure, nextAtMs: nowMs, deadLetter: undefined })
    return
  }
  Object.assign(held, {
    state: next.state,
    attempts,
    failure,
    firstFailedAtMs: attempts === 1 ? nowMs : (held.firstFailedAtMs ?? nowMs),
    lastFailedAtMs: nowMs,
    nextAtMs: next.state === 'waiting' ? nowMs + next.delayMs : undefined,
    deadLetter: next.state === 'held' ? next.deadLetter : undefined,
  })
}

function pausedFor({ state, failure }: Held): string | undefined {
  return state === 'paused' ? failure?.reaction : undefined
}

function discarded({ reason }: OperatorAction) {
  return {
    reaction: undefined,
    code: 'TROUPE_STOPPED',
    message: reason,
    stack: undefined,
    group: 'discarded',
  }
}

function withMended(record: RawRecord, id: string, { value, schemaName }: MendedValue): RawRecord {
  const headers = { ...record.headers, [redrivenFromHeader]: id, [headerNames.dataSchema]: schemaName }
  return { ...record, value, headers }
}

function sort(held: Held): void {
  held.records.sort((left, right) => Number(logPlaceOf(left.record) - logPlaceOf(right.record)))
}

function keyFits(held: Held, { event, saga, ...filter }: AsideFilter): boolean {
  const isAny = (fits: (one: NonNullable<AsideRecord['event']>) => boolean) =>
    held.records.some((one) => one.event && fits(one.event))
  return (
    (event === undefined || isAny(({ id }) => id === event)) &&
    (saga === undefined || isAny((one) => one.saga === saga)) &&
    fitsAlike(held, filter)
  )
}

function letterFits(letter: Letter, { event, saga, state = 'open', ...filter }: DeadLetterFilter): boolean {
  return (
    (state === 'any' || letter.state === state) &&
    (event === undefined || letter.event?.id === event) &&
    (saga === undefined || letter.event?.saga === saga) &&
    fitsAlike(letter, filter)
  )
}

function fitsAlike(
  {
    topic,
    partition,
    key,
    failure,
    lastFailedAtMs = Number.NaN,
  }: Pick<Held, 'topic' | 'partition' | 'key' | 'failure' | 'lastFailedAtMs'>,
  filter: AsideFilter,
): boolean {
  return (
    (filter.topic === undefined || filter.topic === topic) &&
    (filter.partition === undefined || filter.partition === partition) &&
    (filter.key === undefined || filter.key === key) &&
    (filter.reaction === undefined || filter.reaction === failure?.reaction) &&
    (filter.group === undefined || filter.group === failure?.group) &&
    (filter.fromMs === undefined || lastFailedAtMs >= filter.fromMs) &&
    (filter.untilMs === undefined || lastFailedAtMs < filter.untilMs)
  )
}

/** Portions of one command as one, in the order in which they began. */
function byCommand(portions: readonly StoredOperatorAction[]): StoredOperatorAction[] {
  const commands = new Map<unknown, StoredOperatorAction>()
  for (const portion of portions) {
    const { seq, command, did, by, reason } = portion
    const id = command === undefined ? seq : JSON.stringify([command, did, by, reason])
    const before = commands.get(id)
    const together = before && {
      ...before,
      lastAtMs: portion.atMs,
      portions: before.portions + 1,
      count: before.count + portion.count,
      names: [...before.names, ...portion.names],
    }
    commands.set(id, together ?? portion)
  }
  return [...commands.values()]
}

function actionFits(one: StoredOperatorAction, filter: OperatorActionFilter): boolean {
  const { by, did, name, fromMs, untilMs } = filter
  return (
    (by === undefined || one.by === by) &&
    (did === undefined || one.did === did) &&
    (name === undefined || one.names.includes(name)) &&
    (fromMs === undefined || one.atMs >= fromMs) &&
    (untilMs === undefined || one.atMs < untilMs)
  )
}

function pageOf<One, Shown>(
  all: readonly One[],
  limit: number,
  show: (one: One) => Shown,
  seqOf: (one: One) => bigint,
) {
  const page = all.slice(0, limit)
  const last = page.at(-1)
  return { found: page.map(show), next: page.length < limit || !last ? undefined : seqOf(last) }
}

function isIn(held: TopicPartition, { topic, partition }: TopicPartition): boolean {
  return held.topic === topic && held.partition === partition
}

function nameOf({ topic, partition, key }: KeyPlace): string {
  return `${topic}/${partition}/${key}`
}

function sumOf(all: readonly Held[], nowMs: number): ParkedSum {
  const sum = (of: (held: Held) => number) => all.reduce((total, held) => total + of(held), 0)
  return {
    keys: all.length,
    paused: sum(({ state }) => (state === 'paused' ? 1 : 0)),
    held: sum(({ state }) => (state === 'held' ? 1 : 0)),
    events: sum(({ records }) => records.length),
    bytes: sum(totalBytes),
    oldestMs: nowMs - Math.min(nowMs, ...all.map(({ sinceMs }) => sinceMs)),
  }
}

function totalBytes({ records }: Pick<Held, 'records'>): number {
  return records.reduce((all, { record }) => all + bytesOf(record), 0)
}

function bytesOf({ key, value }: RawRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0)
}
