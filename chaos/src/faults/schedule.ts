// Which fault comes when: decided by the seed alone, before anything runs, so that a replay injects the same.
//
// Invariants
// 1. No fault begins at a target on which another one goes on, by the schedule's own clock.
// 2. Between one silent service and the next there is time to tell what became of it.
// 3. Of each kind that is asked for there is at least one, if the time is enough.

import { random01 } from './random.ts'

export const faultKinds = {
  kill: 'an instance gets SIGKILL, and is started again',
  restart: 'an instance gets SIGTERM, and is started again',
  freeze: 'an instance gets SIGSTOP, for a moment or past its session, then SIGCONT',
  scale: 'a second instance comes, and goes by SIGTERM or SIGKILL',
  cut: "an instance's connection breaks after so many bytes",
  silence: 'nothing passes between an instance and what it speaks to',
  delay: 'everything between an instance and what it speaks to is late',
  broker: 'the broker is killed, stopped or frozen, and is back after a while',
  registry: 'the registry is killed, stopped or frozen, and is back after a while',
  gateway: 'the payment gateway is slow, fails, charges and hangs up, answers twice, or is killed',
  poison: 'the topics get what cannot be read, and orders come that a release with a bug cannot handle',
  'silent-service': 'a service is away altogether, for longer than others wait for it',
  database: 'PostgreSQL is killed or stopped, or its parent is killed, and is back after a while',
} as const

export type FaultKind = keyof typeof faultKinds
export const faultKindNames = Object.keys(faultKinds) as FaultKind[]

/** What is done to a process, or by whom it is ended. */
export type Means = 'kill' | 'stop' | 'freeze' | 'orphan' | Misbehaviour

/** What the gateway can be told to do. */
export type Misbehaviour = 'slow' | 'failing' | 'dropping' | 'twice'

export interface Fault {
  /** From the beginning of the load. */
  readonly atMs: number
  readonly kind: FaultKind
  /** An instance, an instance's link such as `payment-1/kafka`, a service, or a part of the stack. */
  readonly target: string
  /** How long it lasts. Of a cut: how long its bytes are waited for. Of poison: how long a curse for a while lasts. */
  readonly forMs: number
  readonly means?: Means
  readonly cut?: { readonly from: 'client' | 'server'; readonly bytes: number }
  readonly delayMs?: number
  /** Of poison: what it is made of. */
  readonly seed?: number
}

export interface ScheduleOptions {
  readonly seed: number
  readonly durationMs: number
  readonly kinds: readonly FaultKind[]
  readonly services: readonly string[]
  readonly sessionTimeoutMs: number
  /** On average. Default 1,200. */
  readonly everyMs?: number
}

const links = ['kafka', 'kafka', 'database', 'database', 'registry'] as const
/** How long services are waited for in a run in which some are silent, by the event that says so. */
export const patienceMs = { ReservationOverdue: 10_000, OrderOverdue: 15_000 } as const
/** From the end of one silence to the beginning of the next. */
const silencesApartMs = 30_000
/** For a target to be itself again. */
const recoveryMs = 3_000
const firstAtMs = 500
const everyMsDefault = 1_200

/** The faults of a run, in the order in which they come. */
export function scheduleOf(options: ScheduleOptions): readonly Fault[] {
  const { seed, durationMs, kinds, everyMs = everyMsDefault } = options
  const random = random01(seed)
  const busyUntilMs = new Map<string, number>()
  const faults: Fault[] = []
  /** Every kind once, in an order of the seed's choice, then over again. */
  let pack: FaultKind[] = []
  for (let atMs = firstAtMs; atMs < durationMs && kinds.length > 0; ) {
    if (pack.length === 0) pack = shuffled(kinds, random)
    const kind = pack.pop() as FaultKind
    const fault = faultOf(kind, Math.round(atMs), options, random)
    const isFree = (target: string) => (busyUntilMs.get(target) ?? 0) <= fault.atMs
    const quiet = kind === 'silent-service' ? [kind] : []
    if ([...targetsOf(fault), ...quiet].every(isFree)) {
      faults.push(fault)
      const endMs = fault.atMs + fault.forMs
      for (const target of targetsOf(fault)) busyUntilMs.set(target, endMs + recoveryMs)
      for (const target of quiet) busyUntilMs.set(target, endMs + silencesApartMs)
    }
    atMs += everyMs * (0.25 + 1.5 * random())
  }
  return faults
}

/** What nothing else may happen to meanwhile. */
export function targetsOf({ kind, target }: Fault): readonly string[] {
  return kind === 'silent-service' ? [`${target}-1`, `${target}-2`] : [target]
}

function faultOf(
  kind: FaultKind,
  atMs: number,
  { services, sessionTimeoutMs }: ScheduleOptions,
  random: () => number,
): Fault {
  const between = (min: number, max: number) => Math.round(min + (max - min) * random())
  const one = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item
  const instance = `${one(services)}-1`
  const link = `${instance}/${one(links)}`
  switch (kind) {
    case 'kill':
      return { atMs, kind, target: instance, forMs: between(0, 2_000) }
    case 'restart':
      return { atMs, kind, target: instance, forMs: between(0, 1_000) }
    case 'freeze': {
      const isLong = random() < 0.5
      const forMs = isLong ? between(1.3 * sessionTimeoutMs, 2.5 * sessionTimeoutMs) : between(50, 1_000)
      return { atMs, kind, target: instance, forMs }
    }
    case 'scale': {
      const target = `${one(services)}-2`
      return { atMs, kind, target, forMs: between(2_000, 12_000), means: one(['kill', 'stop']) }
    }
    case 'cut': {
      const cut = { from: one(['client', 'server'] as const), bytes: between(1, 1 << between(1, 16)) }
      return { atMs, kind, target: link, forMs: 3_000, cut }
    }
    case 'silence':
      return { atMs, kind, target: link, forMs: between(200, 2 * sessionTimeoutMs) }
    case 'delay':
      return { atMs, kind, target: link, forMs: between(1_000, 6_000), delayMs: between(10, 300) }
    case 'broker':
    case 'registry':
      return { atMs, kind, target: kind, forMs: between(100, 4_000), means: one(['kill', 'stop', 'freeze']) }
    case 'gateway': {
      const means = one(['kill', 'freeze', 'slow', 'failing', 'dropping', 'twice'] as const)
      return { atMs, kind, target: kind, forMs: between(500, 5_000), means, delayMs: between(50, 1_500) }
    }
    case 'poison':
      return { atMs, kind, target: 'topics', forMs: between(300, 3_000), seed: between(0, 0x7fff_ffff) }
    case 'silent-service': {
      const target = one(services)
      const waitedMs = target === 'inventory' ? patienceMs.ReservationOverdue : patienceMs.OrderOverdue
      return {
        atMs,
        kind,
        target,
        forMs: between(waitedMs + 2_000, waitedMs + 3_500),
        means: one(['kill', 'stop']),
      }
    }
    case 'database':
      return { atMs, kind, target: kind, forMs: between(0, 3_000), means: one(['kill', 'stop', 'orphan']) }
  }
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const all = [...items]
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1))
    ;[all[at], all[other]] = [all[other] as Item, all[at] as Item]
  }
  return all
}
