// What comes in: a counter's events at random moments, and commands from clients that ask until they get an answer.
import { type AnyEventType, type Command, headersOf, type RawRecord } from '@troupe/core'
import {
  type Card,
  CardShown,
  CardVoided,
  LoanAsked,
  LoanRepaid,
  type Paid,
  PaidIn,
  Rumour,
} from './company.test.kit.ts'
import type { Instance } from './instance.test.kit.ts'
import { type ModelLog, partitionOfKey, type ToAppend } from './model-log.test.kit.ts'
import type { World } from './world.test.kit.ts'

export interface Poison {
  /** Event ids that nobody can handle, and why. */
  readonly byId: ReadonlyMap<string, 'throw' | 'refused' | 'bytes'>
}

export interface Workload {
  readonly poison: Poison
  /** Until when the reaction to what has this name throws. */
  readonly stumbling: ReadonlyMap<string, number>
  /** The name of each command and where its booking was, once it is answered. */
  readonly answers: ReadonlyMap<string, { readonly cents: number; readonly places: ReadonlySet<number> }>
  readonly isDone: boolean
}

const text = new TextEncoder()
const lastsMs = 1_500
const cardPatterns = ['S', 'S', 'SV', 'SV', 'VS', 'SVV', 'SSV', 'VSV', 'SVS']

export function beginWorkload(
  world: World,
  log: ModelLog,
  {
    events,
    commands,
    payIn,
    instances,
  }: {
    readonly events: number
    readonly commands: number
    readonly payIn: Command<Paid, { place: number }>
    readonly instances: readonly Instance[]
  },
): Workload {
  const { random, time, faults } = world
  const byId = new Map<string, 'throw' | 'refused' | 'bytes'>()
  const answers = new Map<string, { cents: number; places: Set<number> }>()
  const stumbling = new Map<string, number>()
  let pending = 0
  let born = 0

  function later(ms: number, work: () => void | Promise<void>): void {
    pending++
    void time
      .sleep(ms)
      .then(work)
      .then(() => pending--)
  }

  function append(type: AnyEventType, data: Paid | Card, id: string): void {
    const saga = 'saga' in data ? data.saga : data.account
    // An undo has no last attempt, so it may stumble for longer.
    if (random.chance(faults.stumbles))
      stumbling.set(data.name, time.nowMs + random.below(type === CardVoided ? 1_500 : 400))
    const bytes = byId.get(id) === 'bytes' ? '{"not":' : JSON.stringify(data)
    const record = recordOf(type, data.account, { id, saga, value: text.encode(bytes) })
    const partition = partitionOfKey(text.encode(data.account), log.partitions)
    const times = random.chance(faults.repeats) ? 2 : 1
    for (let time_ = 0; time_ < times; time_++) log.append(type.topic, partition, [record])
    if (times > 1 && random.chance(0.5))
      later(random.below(300), () => log.append(type.topic, partition, [record]))
  }

  function pay(): void {
    const name = `p${++born}`
    const id = `event-${name}`
    const kind = random.chance(faults.poison)
      ? random.pick(['throw', 'refused', 'bytes'] as const)
      : undefined
    if (kind) byId.set(id, kind)
    const data = { account: `account-${random.below(5)}`, name, cents: random.below(9) }
    append(PaidIn, { ...data, ...(kind === 'throw' ? { trick: 'throw' as const } : {}) }, id)
  }

  /** A card that is shown and voided, in any order; within one key, so that the order is known. */
  function showCard(): void {
    const saga = `card-${++born}`
    const own = `account-${random.below(5)}`
    let atMs = 0
    for (const [index, one] of random.pick(cardPatterns).split('').entries()) {
      atMs += random.below(100)
      const name = `${saga}.${index}`
      later(atMs, () =>
        append(one === 'S' ? CardShown : CardVoided, { account: own, name, saga }, `event-${name}`),
      )
    }
  }

  /** A card that one partition shows while another voids it. */
  function raceCard(): void {
    const saga = `race-${++born}`
    const data = (account: string) => ({ account, name: saga, saga })
    later(random.below(40), () => append(CardShown, data(`shown-${saga}`), `event-${saga}.S`))
    later(random.below(40), () => append(CardVoided, data(`voided-${saga}`), `event-${saga}.V`))
  }

  /** A loan that is repaid in time, too late, or never. */
  function lend(): void {
    const saga = `loan-${++born}`
    const data = { account: `account-${random.below(5)}`, name: saga, saga }
    append(LoanAsked, data, `event-${saga}.A`)
    if (random.chance(0.7)) later(random.below(1_500), () => append(LoanRepaid, data, `event-${saga}.R`))
  }

  function rumour(): void {
    const name = `r${++born}`
    append(Rumour, { account: `account-${random.below(5)}`, name, saga: name }, `event-${name}`)
  }

  /** Asks until somebody answers, always under one key. */
  async function order(): Promise<void> {
    const name = `c${++born}`
    const input = { account: `desk-${random.below(2)}`, name, cents: random.below(9) }
    const places = new Set<number>()
    for (;;) {
      const [instance] = instances.length > 0 ? [random.pick(instances)] : []
      const asked = instance?.decider.decide(payIn, input, { idempotencyKey: name })
      const answered = asked?.then(
        ({ place }) => place,
        () => undefined,
      )
      const place = await Promise.race([answered, time.sleep(1_000).then(() => undefined)])
      if (place !== undefined) {
        places.add(place)
        answers.set(name, { cents: input.cents, places })
        // Somebody whose answer got lost on the way asks again.
        if (!random.chance(0.2)) return
      }
      await time.sleep(20 + random.below(100))
    }
  }

  for (let index = 0; index < events; index++) {
    later(
      random.below(lastsMs),
      random.pick([pay, pay, pay, pay, pay, showCard, showCard, raceCard, lend, lend, rumour]),
    )
  }
  for (let index = 0; index < commands; index++) later(random.below(lastsMs), order)

  return {
    poison: { byId },
    stumbling,
    answers,
    get isDone() {
      return pending === 0
    },
  }
}

function recordOf(
  type: AnyEventType,
  key: string,
  { id, saga, value }: { readonly id: string; readonly saga: string; readonly value: Uint8Array },
): ToAppend {
  const headers = headersOf({
    id,
    type: type.type,
    source: type.owner,
    timeMs: 0,
    key,
    correlationId: saga,
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
  })
  return { key: text.encode(key), value, headers }
}

/** What a record says of itself. */
export function headerOf(record: RawRecord, name: string): string {
  const value = record.headers[name]
  return typeof value === 'string' ? value : new TextDecoder().decode(value as Uint8Array)
}
