// A set of services as one graph: who may say what on hearing what. Read off the declarations; what a
// reaction really says in a given case is not in there, so "leads to" means "may lead to".
import type { AnyEventType } from '../declare/event-type.ts'
import type { Ends, Service } from '../declare/service.ts'

/** An event by name; two services may each own an event of one name. */
export type EventKey = string

/** Whoever may say something: a reaction, an undo, a command, or somebody who is not in the set. */
export interface Voice {
  /** `service.reaction`, as people look for it. */
  readonly name: string
  readonly service: string
  readonly form: 'command' | 'outsider' | 'reaction' | 'step' | 'undo'
  /** Empty where a saga begins. */
  readonly hears: readonly EventKey[]
  readonly says: readonly EventKey[]
  /** Of a step and of its undo: the event by which the step says that it was done. */
  readonly done: EventKey | undefined
  /** It names documents or calls the outside: it may leave something behind. */
  readonly mayChange: boolean
  readonly isFinal: boolean
}

export interface Choreography {
  readonly voices: readonly Voice[]
  /** Every event that is heard or said. */
  readonly events: ReadonlyMap<EventKey, AnyEventType>
  hearersOf(event: EventKey): readonly Voice[]
  sayersOf(event: EventKey): readonly Voice[]
  endOf(event: EventKey): keyof Ends | undefined
  /** Everything that may follow from these events, themselves included. */
  follow(from: readonly EventKey[], limits?: FollowLimits): Trail
}

export interface FollowLimits {
  /** Goes on only where this is true of whoever hears. */
  readonly passes?: (voice: Voice) => boolean
  /** As if this event were never said. */
  readonly without?: EventKey
}

/** Events in the order in which they were reached, each with the one that led there. */
export interface Trail {
  has(event: EventKey): boolean
  readonly events: readonly EventKey[]
  /** From where it was set out to this event. */
  wayTo(event: EventKey): readonly EventKey[]
}

export function eventKey({ owner, type }: AnyEventType): EventKey {
  return `${owner}/${type}`
}

/** Reads a choreography off its services. */
export function choreographyOf(services: readonly Service[]): Choreography {
  const events = new Map<EventKey, AnyEventType>()
  const ends = new Map<EventKey, keyof Ends>()
  for (const { hears, says, ends: declared } of services) {
    for (const type of [...hears, ...says]) events.set(eventKey(type), type)
    for (const end of ['completed', 'cancelled', 'aside'] as const)
      for (const type of declared[end]) ends.set(eventKey(type), end)
  }
  const voices = [...services.flatMap(voicesOf), ...outsiders(services, events)]
  const hearersOf = (event: EventKey) => voices.filter(({ hears }) => hears.includes(event))
  return {
    voices,
    events,
    hearersOf,
    sayersOf: (event) => voices.filter(({ says }) => says.includes(event)),
    endOf: (event) => ends.get(event),
    follow(from, { passes = () => true, without } = {}) {
      const cameFrom = new Map<EventKey, EventKey | undefined>()
      for (const event of from) if (event !== without) cameFrom.set(event, undefined)
      // Grows while it is walked: what is reached is gone on from.
      for (const event of cameFrom.keys()) {
        for (const next of hearersOf(event)
          .filter(passes)
          .flatMap(({ says }) => says)) {
          if (next !== without && !cameFrom.has(next)) cameFrom.set(next, event)
        }
      }
      return trailOf(cameFrom)
    },
  }
}

function trailOf(cameFrom: ReadonlyMap<EventKey, EventKey | undefined>): Trail {
  return {
    has: (event) => cameFrom.has(event),
    events: [...cameFrom.keys()],
    wayTo(event) {
      const way: EventKey[] = []
      for (let at: EventKey | undefined = event; at !== undefined; at = cameFrom.get(at)) way.unshift(at)
      return way
    },
  }
}

function voicesOf(service: Service): readonly Voice[] {
  const commands = [...service.commands].map(
    ([name, { emits }]): Voice => ({
      name: `${service.name}.${name}`,
      service: service.name,
      form: 'command',
      hears: [],
      says: emits.map(eventKey),
      done: undefined,
      // Where a saga begins, there is nothing before it that could fail.
      mayChange: false,
      isFinal: false,
    }),
  )
  // That nobody answers follows, if anything, from what was to be answered.
  const deadlines = service.deadlines.map(
    ({ from, emit }): Voice => ({
      name: `${service.name}, unless it is answered,`,
      service: service.name,
      form: 'reaction',
      hears: [eventKey(from)],
      says: [eventKey(emit)],
      done: undefined,
      mayChange: false,
      isFinal: false,
    }),
  )
  const reactions = [...new Set(service.reactions.values())].map(
    ({ name, reaction, isStep, doneType }): Voice => ({
      name: `${service.name}.${name}`,
      service: service.name,
      form: reaction.form === 'undo' ? 'undo' : isStep ? 'step' : 'reaction',
      hears: reaction.on.map(eventKey),
      says: reaction.emits.map(eventKey),
      done: doneType === undefined ? undefined : `${service.name}/${doneType}`,
      mayChange: reaction.reads !== undefined || reaction.perform !== undefined,
      isFinal: reaction.isFinal,
    }),
  )
  return [...commands, ...deadlines, ...reactions]
}

/** Each event that is heard and whose owner is not in the set comes from somebody of whom nothing is known. */
function outsiders(
  services: readonly Service[],
  events: ReadonlyMap<EventKey, AnyEventType>,
): readonly Voice[] {
  const known = new Set(services.map(({ name }) => name))
  return [...events]
    .filter(([, { owner }]) => !known.has(owner))
    .map(([key, { owner }]) => ({
      name: owner,
      service: owner,
      form: 'outsider',
      hears: [],
      says: [key],
      done: undefined,
      mayChange: false,
      isFinal: false,
    }))
}
