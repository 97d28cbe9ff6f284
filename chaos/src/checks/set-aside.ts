import { poisonedBy } from '../poison/forms.ts'
import { type Evidence, isAbandoned } from './evidence.ts'
import type { LedgerFacts } from './facts.ts'
import { storyServices } from './story.ts'

/** What the reaction with the bug hears, by service. */
const cursedTypes = { payment: 'OrderReceived', shipping: 'InventoryReserved' } as const

interface Expected {
  readonly what: string
  readonly fingerprint: string
  /** Whether it can be told that it has to be there. */
  readonly isSure: boolean
  readonly state: 'open' | 'redriven'
}

/**
 * Dead letters are the poison and the cursed events, no more and no fewer; each has been redriven once, however many
 * asked for that at once, and its topic holds it as it came, once for each time that it was set aside. What
 * nobody can mend has come back. Nothing is parked.
 */
export function* setAside(evidence: Evidence): Generator<string> {
  for (const { name, deadLetterTopic } of storyServices) {
    const ledger = evidence.ledgers.get(name)
    if (!ledger) continue
    const expected = expectedOf(name, evidence)
    yield* kept(name, ledger, expected)
    yield* published(deadLetterTopic, ledger, expected, evidence)
    for (const key of ledger.parked) yield `${name} has parked ${key}.`
  }
}

/** By the place of the record. */
function expectedOf(
  service: string,
  { poison, orders, eventsBySaga }: Evidence,
): ReadonlyMap<string, Expected> {
  const expected = new Map<string, Expected>()
  for (const { form, type, fingerprint, ...place } of poison) {
    if (!poisonedBy(form, place.topic, type).includes(service)) continue
    expected.set(placeOf(place), { what: form, fingerprint, isSure: true, state: 'open' })
  }
  for (const { curse, answers } of orders) {
    if (curse?.service !== service || curse.form === 'for a while') continue
    const events = eventsBySaga.get(answers[0] ?? '')
    const cursed = events?.find(({ type }) => type === cursedTypes[curse.service])
    if (!cursed) continue
    // One that was called off before is not even tried.
    const isSure = !isAbandoned(events)
    const { fingerprint, type } = cursed
    expected.set(placeOf(cursed), { what: `cursed ${type}`, fingerprint, isSure, state: 'redriven' })
  }
  return expected
}

function* kept(
  service: string,
  { letters }: LedgerFacts,
  expected: ReadonlyMap<string, Expected>,
): Generator<string> {
  const found = new Set(letters.map(({ id }) => id))
  for (const [id, { what, isSure }] of expected) {
    if (isSure && !found.has(id)) yield `${service} has not set ${what} at ${id} aside.`
  }
  for (const { id, type, state, redrives } of letters) {
    const one = expected.get(id)
    if (!one) yield `${service} has set ${type ?? 'something'} at ${id} aside, with which nothing is wrong.`
    else if (state !== one.state || redrives !== 1)
      yield `${service}'s dead letter ${id}, ${one.what}, is ${state} after ${redrives} redrives.`
  }
}

function* published(
  topic: string,
  { letters }: LedgerFacts,
  expected: ReadonlyMap<string, Expected>,
  { deadLetters }: Evidence,
): Generator<string> {
  const times = new Map<string, Set<string>>()
  for (const { topic: its, from, fingerprint, failedAt, message } of deadLetters) {
    if (its !== topic) continue
    const one = expected.get(from)
    if (!one) yield `${topic} has ${message}, from ${from}, with which nothing is wrong.`
    else if (one.fingerprint !== fingerprint)
      yield `${topic} has ${one.what} from ${from}, and not as it came.`
    const known = times.get(from) ?? new Set()
    times.set(from, known.add(failedAt))
  }
  for (const { id, state, redrives } of letters) {
    const count = times.get(id)?.size ?? 0
    const expectedCount = state === 'redriven' ? redrives : redrives + 1
    if (count !== expectedCount) yield `${topic} has ${id} ${count} times in place of ${expectedCount}.`
  }
}

function placeOf(place: {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}): string {
  return `${place.topic}/${place.partition}/${place.offset}`
}
