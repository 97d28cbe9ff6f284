// What must be so when everything is over. The world is judged by its two logs and its documents alone: an
// oracle walks the counter's log as one careful clerk would, without batches, crashes or retries.
import { headerNames, type RawRecord } from '@troupe/core'
import { type Card, type Paid, sayingsOf } from './company.test.kit.ts'
import type { WatchedDeadline } from './deadlines.test.kit.ts'
import { type ModelLog, partitionOfKey } from './model-log.test.kit.ts'
import { headerOf, type Workload } from './workload.test.kit.ts'

/** Something that must never be so. */
export interface Violation {
  /** The check that found it. */
  readonly check: string
  /** What is wrong, and where, for a person. */
  readonly text: string
}

export interface Found {
  readonly log: ModelLog
  /** The state of a document of the bank or the audit, by kind and key. */
  readonly documentOf: (kind: string, key: string) => unknown
  readonly documents: readonly { readonly kind: string; readonly key: string; readonly version: number }[]
  readonly workload: Workload
  /** By saga. */
  readonly deadlines: ReadonlyMap<string, WatchedDeadline>
  /** Ids of outbox records that are left in the two ledgers. */
  readonly left: readonly string[]
  /** What is still to be done: positions that are behind, commands without an answer. Empty if all drained by itself. */
  readonly behind: readonly string[]
  /** Every key that the outside was called with, and for whom. */
  readonly outsideCalls: readonly { readonly idempotencyKey: string; readonly name: string }[]
  /** For whom the outside has taken money, whoever heard of it. */
  readonly outsideTook: ReadonlySet<string>
  /** Whether a process may have been cut off from its calls: what it had not said by then nobody knows. */
  readonly isAnybodyCutOff: boolean
  /** The codes of the errors for which keys were parked. */
  readonly blamedFor: readonly string[]
  /** Why settlements were refused that no ledger takes. */
  readonly contradictions: readonly string[]
  /** What is at least done in a run that proves something. */
  readonly successesMin: number
}

/** What one careful clerk makes of the counter's log, account by account. */
interface Truth {
  readonly entries: Map<string, string[]>
  readonly said: Map<string, string[]>
  readonly cents: number
  readonly count: number
  readonly poisoned: Map<string, RawRecord>
  readonly races: Set<string>
  /** Sagas of loans, by their accounts. */
  readonly loans: Map<string, string>
}

const decoder = new TextDecoder()
const textOf = (bytes: Uint8Array | null) => (bytes ? decoder.decode(bytes) : '')
const keyOf = (record: RawRecord) => textOf(record.key)
const idOf = (record: RawRecord) => headerOf(record, headerNames.id)
const typeOf = (record: RawRecord) => headerOf(record, headerNames.type)

/** Every violation, of every check. */
export function judge(found: Found): readonly Violation[] {
  const truth = truthOf(found)
  return [
    ...inputsAreEffects(found, truth),
    ...saidIsInOrder(found, truth),
    ...heardIsWhatWasSaid(found),
    ...moneyIsConserved(found, truth),
    ...commandsCountOnce(found),
    ...racesEndOneWay(found, truth),
    ...whatWasTakenIsGivenBack(found, truth),
    ...deadlinesAreMet(found, truth),
    ...deadLettersArePoison(found, truth),
    ...nobodyIsBlamedForTrouble(found),
    ...nothingContradictsItself(found),
    ...keysHaveOnePartition(found),
    ...idsStandForOneThing(found),
    ...backlogIsDrained(found),
    ...somethingWasDone(found, truth),
  ]
}

function truthOf({ log, workload }: Found): Truth {
  const entries = new Map<string, string[]>()
  const said = new Map<string, string[]>()
  const steps = new Map<string, { state: 'done' | 'undone' | 'barred'; name: string }>()
  const poisoned = new Map<string, RawRecord>()
  const races = new Set<string>()
  const loans = new Map<string, string>()
  const seen = new Set<string>()
  let cents = 0
  let count = 0
  const add = (to: Map<string, string[]>, key: string, line: string) => {
    const lines = to.get(key)
    if (lines) lines.push(line)
    else to.set(key, [line])
  }
  for (const record of log.all('counter.events')) {
    if (seen.has(idOf(record))) continue
    seen.add(idOf(record))
    if (workload.poison.byId.has(idOf(record))) {
      poisoned.set(idOf(record), record)
      continue
    }
    const key = keyOf(record)
    const data = JSON.parse(textOf(record.value)) as Paid & Card
    const step = steps.get(data.saga)
    if (typeOf(record) === 'PaidIn') {
      add(entries, key, data.name)
      for (const name of sayingsOf(data)) add(said, key, `Booked ${name}`)
      cents += data.cents
      count += 1
    } else if (typeOf(record) === 'LoanAsked') {
      add(entries, key, `lend ${data.name}`)
      add(said, key, `Lent ${data.name}`)
      loans.set(data.saga, key)
    } else if (data.saga.startsWith('race-')) races.add(data.saga)
    else if (typeOf(record) === 'CardShown' && !step) {
      add(entries, key, `charge ${data.name}`)
      add(said, key, `Charged ${data.name}`)
      steps.set(data.saga, { state: 'done', name: data.name })
    } else if (typeOf(record) === 'CardVoided' && step?.state === 'done') {
      add(entries, key, `refund ${step.name}`)
      add(said, key, `Refunded ${step.name}`)
      step.state = 'undone'
    } else if (typeOf(record) === 'CardVoided' && !step) steps.set(data.saga, { state: 'barred', name: '' })
  }
  return { entries, said, cents, count, poisoned, races, loans }
}

function inputsAreEffects({ documentOf, documents }: Found, { entries }: Truth): Violation[] {
  const keys = documents.filter(({ kind, key }) => kind === 'account' && key.startsWith('account-'))
  return [...new Set([...entries.keys(), ...keys.map(({ key }) => key)])].flatMap((key) =>
    differs('accepted inputs = effects, in order', key, entries.get(key), entriesOf(documentOf, key)),
  )
}

/** Each id counts where it is first: what comes after it under the same id is a duplicate. */
function saysOf(log: ModelLog, key: string): string[] {
  const seen = new Set<string>()
  return log.all('bank.events').flatMap((record) => {
    if (keyOf(record) !== key || seen.has(idOf(record))) return []
    seen.add(idOf(record))
    const { name } = JSON.parse(textOf(record.value)) as { name: string }
    return [`${typeOf(record)} ${name}`]
  })
}

/** Commands may reach any instance, but what they say of one key is in the order of its document, too. */
function saidIsInOrder({ log, documentOf }: Found, { said }: Truth): Violation[] {
  const check = 'a state change if and only if its event, in order'
  const desks = ['desk-0', 'desk-1'].flatMap((key) => {
    const spoken = saysOf(log, key).filter((line) => !line.endsWith('#2'))
    return differs(
      check,
      key,
      entriesOf(documentOf, key)?.map((name) => `Booked ${name}`),
      spoken,
    )
  })
  return [
    ...desks,
    ...[...said].flatMap(([key, expected]) =>
      differs(
        check,
        key,
        expected,
        // Whether and when a deadline is met is another check's business.
        saysOf(log, key).filter((line) => !line.startsWith('LoanOverdue')),
      ),
    ),
  ]
}

function heardIsWhatWasSaid({ log, documentOf }: Found): Violation[] {
  const keys = new Set(log.all('bank.events').map(keyOf))
  return [...keys].flatMap((key) => {
    const page = documentOf('page', key) as { heard: readonly string[] } | undefined
    return differs('downstream hears each event once, in order', key, saysOf(log, key), page?.heard)
  })
}

function moneyIsConserved({ documentOf, workload }: Found, { cents, count }: Truth): Violation[] {
  const totals = ['0', '1'].map(
    (key) => documentOf('total', key) as { cents: number; count: number } | undefined,
  )
  const ordered = [...workload.answers.values()]
  const expected = [cents + ordered.reduce((sum, one) => sum + one.cents, 0), count + ordered.length].map(
    String,
  )
  const actual = [
    totals.reduce((sum, one) => sum + (one?.cents ?? 0), 0),
    totals.reduce((sum, one) => sum + (one?.count ?? 0), 0),
  ].map(String)
  return differs('money is conserved (cents, bookings)', 'totals', expected, actual)
}

function commandsCountOnce({ documentOf, workload }: Found): Violation[] {
  const booked = ['desk-0', 'desk-1'].map((key) => entriesOf(documentOf, key) ?? [])
  return [...workload.answers].flatMap(([name, { places }]) => {
    const found = booked.flatMap((entries) =>
      entries.flatMap((entry, place) => (entry === name ? [String(place)] : [])),
    )
    return differs('a command is done once, and says so each time', name, [...places].map(String), found)
  })
}

function racesEndOneWay({ documentOf, log }: Found, { races }: Truth): Violation[] {
  return [...races].flatMap((saga) => {
    const card = documentOf('card', saga) as { charged: number; refunded: number } | undefined
    const told = saysOf(log, `shown-${saga}`)
    const isBarred = !card && told.length === 0
    const isUndone =
      card?.charged === 1 && card.refunded === 1 && told.join() === `Charged ${saga},Refunded ${saga}`
    if (isBarred || isUndone) return []
    const text = `${saga} is ${JSON.stringify(card)} and said ${told.join(', ')}`
    return [{ check: 'every saga ends: barred, or done once and undone once', text }]
  })
}

/** All of them are voided: barred is only what the outside has not taken. */
function whatWasTakenIsGivenBack(
  { documentOf, outsideTook, isAnybodyCutOff }: Found,
  { races }: Truth,
): Violation[] {
  if (isAnybodyCutOff) return []
  const kept = [...races].filter((saga) => {
    const card = documentOf('card', saga) as { refunded: number } | undefined
    return outsideTook.has(saga) && card?.refunded !== 1
  })
  return kept.map((text) => ({
    check: 'what the outside took for a saga that is called off is given back',
    text,
  }))
}

/** How late a deadline may be fired in a world in which everything fails for a while. */
const lateMsMax = 10_000

/** By the database's clock and what was committed there: fired once, neither early nor late, unless it was lifted before. */
function deadlinesAreMet({ log, deadlines }: Found, { loans }: Truth): Violation[] {
  const check = 'a deadline that is not lifted is fired once, when it is due'
  return [...loans].flatMap(([saga, key]) => {
    const lines = saysOf(log, key).filter((line) => line.endsWith(` ${saga}`))
    const told = lines.filter((line) => line.startsWith('LoanOverdue')).length
    const { dueMs = Infinity, liftedMs = Infinity, firedMs = [] } = deadlines.get(saga) ?? {}
    const [at = Infinity] = firedMs
    const flaws = [
      ...(firedMs.length > 1 ? [`was fired ${firedMs.length} times`] : []),
      ...(told === firedMs.length ? [] : [`was fired ${firedMs.length} times and said ${told} times`]),
      ...(at < dueMs ? [`was fired ${dueMs - at} ms early`] : []),
      ...(at !== Infinity && at > dueMs + lateMsMax ? [`was fired ${at - dueMs} ms late`] : []),
      ...(firedMs.length === 0 && liftedMs === Infinity ? ['was neither fired nor lifted'] : []),
      ...(liftedMs < at && at !== Infinity ? ['was fired after it was lifted'] : []),
      ...(told > 0 && !lines[0]?.startsWith('Lent') ? ['was said before what it waits upon'] : []),
    ]
    return flaws.map((flaw) => ({ check, text: `the deadline of ${saga} ${flaw}` }))
  })
}

function deadLettersArePoison({ log }: Found, { poisoned }: Truth): Violation[] {
  const check = 'dead letters are the poison, as it came, and nothing else'
  const letters = log.all('bank.dlq')
  const ids = [...new Set(letters.map(idOf))].sort()
  const changed = letters.filter((letter) => {
    const { value } = poisoned.get(idOf(letter)) ?? {}
    return textOf(value ?? null) !== textOf(letter.value)
  })
  return [
    ...differs(check, 'bank.dlq', [...poisoned.keys()].sort(), ids),
    ...differs(check, 'audit.dlq', [], log.all('audit.dlq').map(idOf)),
    ...changed.map((letter) => ({ check, text: `${idOf(letter)} is not the bytes that came` })),
  ]
}

/** Named here once more, so that a mistake in what the code takes for trouble is noticed. */
const troubles =
  /^TROUPE_(?:CONFLICT|FENCED|STOPPED|ACCESS_DENIED|DATABASE_FULL|SCHEMA_AWAITED|(?:DATABASE|KAFKA|REGISTRY)_UNREACHABLE)$/

function nobodyIsBlamedForTrouble({ blamedFor }: Found): Violation[] {
  const check = 'no key is parked for what no event can help'
  return blamedFor.filter((code) => troubles.test(code)).map((code) => ({ check, text: code }))
}

/** The runtime would get over it, event by event: nobody is to pay for that who did nothing wrong. */
function nothingContradictsItself({ contradictions }: Found): Violation[] {
  return contradictions.map((text) => ({ check: 'no settlement contradicts itself', text }))
}

function keysHaveOnePartition({ log }: Found): Violation[] {
  return log.all('bank.events').flatMap((record) => {
    const due = partitionOfKey(record.key as Uint8Array, log.partitions)
    if (record.partition === due) return []
    const place = `${idOf(record)} of ${keyOf(record)} is in ${record.partition}, not in ${due}`
    return [{ check: 'a key has one partition, the one of every other client', text: place }]
  })
}

function idsStandForOneThing({ log }: Found): Violation[] {
  const check = 'one id, one event'
  const byId = new Map<string, string>()
  const byThing = new Map<string, string>()
  return log.all('bank.events').flatMap((record) => {
    const id = idOf(record)
    const thing = `${typeOf(record)} ${textOf(record.value)}`
    const violations = [
      ...((byId.get(id) ?? thing) === thing
        ? []
        : [{ check, text: `${id} is ${byId.get(id)} and ${thing}` }]),
      ...((byThing.get(thing) ?? id) === id
        ? []
        : [{ check, text: `${thing} is ${byThing.get(thing)} and ${id}` }]),
    ]
    byId.set(id, thing)
    byThing.set(thing, id)
    return violations
  })
}

function backlogIsDrained({ behind, left, outsideCalls }: Found): Violation[] {
  const check = 'the backlog drains by itself'
  const named = new Map<string, string>()
  const shared = outsideCalls.filter(({ idempotencyKey, name }) => {
    const other = named.get(idempotencyKey) ?? name
    named.set(idempotencyKey, name)
    return other !== name
  })
  const keysByName = new Map<string, Set<string>>()
  for (const { idempotencyKey, name } of outsideCalls) {
    keysByName.set(name, (keysByName.get(name) ?? new Set()).add(idempotencyKey))
  }
  const several = [...keysByName].filter(([, keys]) => keys.size > 1)
  return [
    ...[...behind, ...left.map((id) => `${id} is left in the outbox`)].map((text) => ({ check, text })),
    ...[...shared.map(({ name }) => name), ...several.map(([name]) => name)].map((name) => ({
      check: 'a call to the outside has one idempotency key',
      text: name,
    })),
  ]
}

function somethingWasDone({ successesMin, workload }: Found, { count }: Truth): Violation[] {
  const done = count + workload.answers.size
  if (done >= successesMin) return []
  return [{ check: 'a minimum of successes', text: `${done} of at least ${successesMin}` }]
}

function entriesOf(documentOf: Found['documentOf'], key: string): readonly string[] | undefined {
  return (documentOf('account', key) as { entries: readonly string[] } | undefined)?.entries
}

function differs(
  check: string,
  what: string,
  expected: readonly string[] = [],
  actual: readonly string[] = [],
): Violation[] {
  if (expected.join('\n') === actual.join('\n')) return []
  return [{ check, text: `${what}: due [${expected.join(', ')}], found [${actual.join(', ')}]` }]
}
