// Every way in which the events of one saga can reach its services, walked once each.
//
// A state is what every service remembers, what every topic holds, how far each service has read each topic, and
// what was delivered a second time. From each state every possible next delivery is tried:
//
// 1. the next event of a topic, to a service that hears it (a topic is read in order, as Kafka's are);
// 2. an event that a service has heard before, once more: a redelivery, or a second publishing, under its id;
// 3. a deadline that is pending, if they are to be met: time passes as fast as it likes;
// 4. a stray: an event that nobody in this saga caused, said by its owner, under an id of its own.
//
// States that are equal are walked once, whatever ways lead there; the ways are counted all the same. The space
// has no loops: every delivery uses something up.
import type { DocumentRef, Event, EventDraft, Service } from '@troupe/core'
import {
  ask,
  asNew,
  documentIn,
  hear,
  meet,
  type Heard,
  type Outside,
  type Remembering,
  timeMs,
} from './one-service.test.kit.ts'

export interface SagaOptions {
  readonly services: readonly Service[]
  readonly begin: { readonly service: string; readonly command: string; readonly input: object }
  readonly outside?: Outside
  /** How often each event may reach a service: 2 by default. */
  readonly deliveriesMax?: 1 | 2
  /** What may come out of the blue, each at most once, as long as no more than `straysMax` have. */
  /** Whether deadlines are met, whenever they are pending. They never are by default. */
  readonly meetsDeadlines?: boolean
  readonly strays?: (saga: string) => readonly EventDraft[]
  readonly straysMax?: number
  /** From when on they may come; always by default. */
  readonly straysFrom?: (seen: SagaState) => boolean
  /** What is wrong with a state; undefined if nothing is. */
  readonly judge: (seen: SagaState) => string | undefined
}

/** A state, as a judge sees it. */
export interface SagaState {
  readonly saga: string
  /** Nothing is on its way. */
  readonly isAtRest: boolean
  readonly strays: number
  /** Names of deadlines that are pending, of any service. */
  readonly pending: readonly string[]
  /** How many different events of this type were said, strays left out. */
  said(type: string): number
  read<State extends object>(service: string, ref: DocumentRef<State>): State
}

export interface SagaSpace {
  readonly states: number
  readonly restingStates: number
  readonly interleavings: bigint
  /** What was found wrong first, with the deliveries that lead there. */
  readonly wrong: { readonly what: string; readonly after: readonly string[] } | undefined
}

interface State {
  readonly services: readonly Remembering[]
  /** By topic: indexes into the events that were ever said. */
  readonly logs: readonly (readonly number[])[]
  /** By service and topic: how many were read. */
  readonly read: readonly (readonly number[])[]
  /** By service: events that came twice. */
  readonly twice: readonly (readonly number[])[]
  readonly strays: readonly number[]
}

interface Next {
  readonly what: string
  readonly state: State
  readonly wrong: string | undefined
}

/** Walks all of it, or up to the first state in which something is wrong. */
export function exploreSaga(options: SagaOptions): SagaSpace {
  const {
    services,
    outside = () => undefined,
    judge,
    deliveriesMax = 2,
    meetsDeadlines = false,
    straysMax = 0,
    straysFrom = () => true,
  } = options
  const topics = services.map(({ topic }) => topic)
  const events: { readonly event: Event; readonly isStray: boolean }[] = []
  const numbers = new Map<string, number>()
  const heard = new Map<string, Heard>()
  const known = new Map<string, Remembering>()

  const numberOf = (event: Event, isStray = false): number => {
    const name = `${event.source} ${event.id}`
    const number = numbers.get(name) ?? events.push({ event, isStray }) - 1
    numbers.set(name, number)
    return number
  }
  const hearOnce = (at: number, before: Remembering, number: number) => {
    const key = `${at} ${number} ${before.key}`
    const already = heard.get(key)
    if (already) return already
    const { event } = events[number] as { event: Event }
    const { next, ...rest } = hear(services[at] as Service, before, event, outside)
    const after = { ...rest, next: named(next) }
    heard.set(key, after)
    return after
  }
  /** Short names for what is equal: keys of whole states are made of them. */
  const named = (next: Remembering): Remembering => {
    const already = known.get(next.key) ?? { ...next, key: String(known.size + 1) }
    known.set(next.key, already)
    return already
  }
  const { first, saga } = beginning(options, numberOf)
  const strayNumbers = (options.strays?.(saga) ?? []).map((draft, index) =>
    numberOf(strayOf(draft, options, index), true),
  )

  function deliver(state: State, at: number, number: number): { state: State; wrong: string | undefined } {
    const { next, says, wrong } = hearOnce(at, state.services[at] as Remembering, number)
    const logs = state.logs.with(at, [...(state.logs[at] ?? []), ...says.map((event) => numberOf(event))])
    return { state: { ...state, services: state.services.with(at, next), logs }, wrong }
  }

  function* nextOf(state: State): Generator<Next> {
    for (const [at, service] of services.entries()) {
      for (const [topic, log] of state.logs.entries()) {
        const place = nextHeard(state, at, topic)
        if (place === undefined) continue
        const number = log[place] as number
        const read = state.read.with(at, (state.read[at] ?? []).with(topic, place + 1))
        const after = deliver({ ...state, read }, at, number)
        yield { ...after, what: `${service.name} hears ${nameOf(number)}` }
      }
      for (const met of meetsDeadlines ? (state.services[at]?.pending ?? []) : []) {
        const { next, says } = meet(state.services[at] as Remembering, met)
        const logs = state.logs.with(at, [...(state.logs[at] ?? []), ...says.map((event) => numberOf(event))])
        const after = { ...state, services: state.services.with(at, named(next)), logs }
        yield { state: after, wrong: undefined, what: `${service.name} waits no longer: ${met.name}` }
      }
      if (deliveriesMax < 2) continue
      for (const number of again(state, at)) {
        const twice = state.twice.with(at, [...(state.twice[at] ?? []), number].toSorted(ascending))
        const after = deliver({ ...state, twice }, at, number)
        yield { ...after, what: `${service.name} hears ${nameOf(number)} again` }
      }
    }
    if (state.strays.length >= straysMax || !straysFrom(seen(state))) return
    for (const number of strayNumbers.filter((one) => !state.strays.includes(one))) {
      const topic = topics.indexOf(`${events[number]?.event.source}.events`)
      const logs = state.logs.with(topic, [...(state.logs[topic] ?? []), number])
      const strays = [...state.strays, number].toSorted(ascending)
      yield {
        state: { ...state, logs, strays },
        wrong: undefined,
        what: `${nameOf(number)} comes out of the blue`,
      }
    }
  }

  function nameOf(number: number): string {
    const { event, isStray } = events[number] as { event: Event; isStray: boolean }
    return isStray ? `a stray ${event.type}` : event.type
  }

  /** Where in a topic the next event lies that the service hears. */
  function nextHeard(state: State, at: number, topic: number): number | undefined {
    const log = state.logs[topic] ?? []
    for (let place = state.read[at]?.[topic] ?? 0; place < log.length; place++) {
      if (services[at]?.reactions.has(events[log[place] as number]?.event.type ?? '')) return place
    }
    return undefined
  }

  /** What a service has heard once only. */
  function again(state: State, at: number): readonly number[] {
    return state.logs
      .flatMap((log, topic) => log.slice(0, state.read[at]?.[topic] ?? 0))
      .filter(
        (number) =>
          services[at]?.reactions.has(events[number]?.event.type ?? '') && !state.twice[at]?.includes(number),
      )
  }

  function seen(state: State): SagaState {
    return {
      isAtRest: services.every((_, at) =>
        topics.every((__, topic) => nextHeard(state, at, topic) === undefined),
      ),
      strays: state.strays.length,
      pending: state.services.flatMap(({ pending }) => pending.map(({ name }) => name)),
      saga,
      said: (type) =>
        [...new Set(state.logs.flat())].filter(
          (number) => events[number]?.event.type === type && !events[number]?.isStray,
        ).length,
      read: (service, ref) =>
        documentIn(state.services[services.findIndex(({ name }) => name === service)] as Remembering, ref),
    }
  }

  return walk(first, {
    nextOf,
    judge: (state) => judge(seen(state)),
    isAtRest: (state) => seen(state).isAtRest,
  })
}

/** Depth first, each state once; a way ends wherever nothing is on its way. */
function walk(
  first: State,
  {
    nextOf,
    judge,
    isAtRest,
  }: {
    readonly nextOf: (state: State) => Iterable<Next>
    readonly judge: (state: State) => string | undefined
    readonly isAtRest: (state: State) => boolean
  },
): SagaSpace {
  const ways = new Map<string, bigint>()
  let wrong: SagaSpace['wrong']
  let restingStates = 0
  const after: string[] = []
  const visit = (state: State): bigint => {
    const key = keyOf(state)
    const known = ways.get(key)
    if (known !== undefined || wrong) return known ?? 0n
    const what = judge(state)
    if (what) wrong = { what, after: [...after] }
    const isResting = isAtRest(state)
    if (isResting) restingStates += 1
    let count = isResting ? 1n : 0n
    for (const next of nextOf(state)) {
      after.push(next.what)
      if (next.wrong) wrong ??= { what: next.wrong, after: [...after] }
      count += visit(next.state)
      after.pop()
      if (wrong) break
    }
    ways.set(key, count)
    return count
  }
  const interleavings = visit(first)
  return { states: ways.size, restingStates, interleavings, wrong }
}

function beginning(
  { services, begin }: SagaOptions,
  numberOf: (event: Event) => number,
): { readonly first: State; readonly saga: string } {
  const at = services.findIndex(({ name }) => name === begin.service)
  const { next, says } = ask(services[at] as Service, begin.command, begin.input)
  const none = services.map(() => [])
  const first = {
    services: services.map((_, index) => (index === at ? next : asNew)),
    logs: services.map((_, index) => (index === at ? says.map((event) => numberOf(event)) : [])),
    read: services.map(() => services.map(() => 0)),
    twice: none,
    strays: [],
  }
  return { first, saga: says[0]?.correlationId ?? '' }
}

function keyOf({ services, logs, read, twice, strays }: State): string {
  return `${services.map(({ key }) => key).join()};${[logs, read, twice].map((lists) => lists.map((list) => list.join()).join(' ')).join(';')};${strays.join()}`
}

/** A stray is of the same saga: its own data names the order. */
function strayOf({ eventType, type, data }: EventDraft, { services }: SagaOptions, index: number): Event {
  const owner = services.find(({ says }) => says.some((one) => one === (eventType as unknown)))
  const key = (data as { readonly orderId: string }).orderId
  return {
    id: `stray-${index}`,
    type,
    source: owner?.name ?? '',
    timeMs,
    key,
    correlationId: key,
    causationId: undefined,
    traceparent: undefined,
    tracestate: undefined,
    data,
  }
}

function ascending(one: number, other: number): number {
  return one - other
}
