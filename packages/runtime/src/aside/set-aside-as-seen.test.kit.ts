// The runtime's own partition on a ledger in memory, with everything of it that can be seen. Not part of the package.
import { deadLetterHeaders, document, reaction, retryPolicyDefault, service, undo } from '@troupe/core'
import { type Bench, benchFor, eventType, place } from '../kits/bank.test.kit.ts'
import { unreachable } from '../kits/fakes.test.kit.ts'
import { claimPartition, type OpenPartition } from '../batch/partition.ts'
import type { Policy, Specified } from './set-aside-as-specified.test.kit.ts'

interface Data {
  readonly account: string
  readonly saga: string
}
const Asked = eventType<'Asked', Data>('Asked', 'counter')
const CalledOff = eventType<'CalledOff', Data>('CalledOff', 'counter')
const Answered = eventType<'Answered', Data>('Answered', 'counter')
const Held = eventType<'Held', Data>('Held', 'bank')
const GivenBack = eventType<'GivenBack', Data>('GivenBack', 'bank')
const Overdue = eventType<'Overdue', Data>('Overdue', 'bank')
export const types = { Asked, CalledOff, Answered }
const book = document<{ readonly lines: readonly string[] }>({ name: 'book', initial: () => ({ lines: [] }) })

export const sagas = ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8']
export const keys = ['a', 'b']
export const waitMs = 1_000

/** The runtime's own partition, on a ledger in memory that is held to the contract of every ledger. */
export interface Real {
  readonly bench: Bench
  partition: OpenPartition
  readonly broken: Set<string>
  nowMs: number
  next: number
  isAnswerLost: boolean
  readonly isWatchful: boolean
}

function shop(broken: ReadonlySet<string>) {
  const failIf = (what: string) => {
    if (broken.has(what)) throw new Error(`${what} cannot be done`)
  }
  const hold = reaction({
    on: Asked,
    emits: [Held],
    deadline: { from: Held, afterMs: waitMs, emit: Overdue, data: (held) => held, liftedBy: [Answered] },
    reads: ({ data }) => [book(data.account)],
    react({ data }, { get, put, emit }) {
      put(book(data.account), { lines: [...get(book(data.account)).lines, `Held ${data.saga}`] })
      emit(Held, data)
      failIf(`Asked ${data.saga}`)
    },
  })
  const giveBack = undo(hold, {
    undoes: Held,
    on: CalledOff,
    emits: [GivenBack],
    react({ data }, { emit }) {
      emit(GivenBack, data)
      failIf(`CalledOff ${data.saga}`)
    },
  })
  return service({ name: 'bank', reactions: { hold, giveBack } })
}

/** A partition of a shop in which a test says what fails. */
export async function open({ attempts, isHolding }: Policy, isWatchful: boolean): Promise<Real> {
  const broken = new Set<string>()
  const followers = isHolding ? ('hold' as const) : ('release' as const)
  const bench = benchFor({
    service: shop(broken),
    policyOf: ({ reaction: { form } }) => ({
      ...retryPolicyDefault,
      attempts: form === 'undo' ? Infinity : attempts,
      followers,
    }),
  })
  const real: Real = {
    bench,
    partition: await claimPartition(place, bench),
    broken,
    nowMs: 1_000,
    next: 0,
    isAnswerLost: false,
    isWatchful,
  }
  bench.ledger.settings.nowMs = () => real.nowMs
  bench.ledger.afterSettle = () => {
    if (!real.isAnswerLost) return
    real.isAnswerLost = false
    throw unreachable()
  }
  return real
}

/** Everything that can be seen of what is set aside, and of what came of the rest. */
export async function found({ bench: { ledger, relay } }: Real) {
  const page = { after: 0n, limit: 1_000 }
  const parked = await Promise.all(
    (await ledger.parkedKeys({}, page)).found.map(async ({ key, state, attempts }) => {
      const records = await ledger.parkedRecords({ ...place, key }, { after: -1n, limit: 1_000 })
      // Of one that is held: those of the dead letter.
      const tried = state === 'held' ? 0 : attempts
      return { key, state, attempts: tried, line: records.found.map(({ record }) => Number(record.offset)) }
    }),
  )
  const letters = (await ledger.deadLetters({ state: 'any' }, page)).found
  const said = new Map(relay.sent.map((record) => [record.id, record]))
  return {
    parked: parked.toSorted(byKey),
    letters: letters
      .map(({ offset, state, redrives }) => ({ key: Number(offset), state, redrives }))
      .toSorted(byKey),
    published: [...said.values()]
      .flatMap(({ topic, headers }) =>
        topic === 'bank.dlq' ? [Number(headers[deadLetterHeaders.offset])] : [],
      )
      .toSorted((one, other) => one - other),
    said: keys.map((key) =>
      [...said.values()].flatMap(({ topic, headers, key: its }) =>
        topic === 'bank.events' && its === key
          ? [`${String(headers['ce_type'])} ${String(headers['ce_correlationid'])}`]
          : [],
      ),
    ),
    books: keys.map(
      (key) =>
        (ledger.tables.documents.get(`book/${key}`)?.state as { lines: string[] } | undefined)?.lines ?? [],
    ),
    pending: [...ledger.tables.deadlines.values()]
      .map(({ record }) => String(record.headers['ce_correlationid']))
      .toSorted(),
  }
}

/** The same, as the page has it. */
export function specified(model: Specified): Awaited<ReturnType<typeof found>> {
  const said = keys.map((key) => model.said.get(key) ?? [])
  return {
    parked: [...model.keys]
      .map(([key, { state, attempts, events }]) => ({
        key,
        state,
        attempts,
        line: events.map(({ offset }) => offset),
      }))
      .toSorted(byKey),
    letters: [...model.letters]
      .map(([id, { state, redrives }]) => ({ key: Number(id), state, redrives }))
      .toSorted(byKey),
    published: model.deaths.toSorted((one, other) => one - other),
    said,
    books: said.map((lines) => lines.filter((line) => line.startsWith('Held'))),
    pending: [...model.pending.keys()].toSorted(),
  }
}

const byKey = (one: { readonly key: string | number }, other: { readonly key: string | number }) =>
  one.key < other.key ? -1 : 1
