import type { Deadline } from '../declare/deadline.ts'
import { type BoundReaction, type Ends, onlyLiftingName, type Service } from '../declare/service.ts'

/** Who hears what and who says what, as plain data. */
export interface Topology {
  readonly services: readonly TopologyService[]
  readonly events: readonly TopologyEvent[]
}

export interface TopologyService {
  readonly name: string
  readonly commands: readonly {
    readonly name: string
    readonly says: readonly string[]
    readonly deadline?: TopologyDeadline
  }[]
  readonly reactions: readonly {
    readonly name: string
    readonly form: 'reaction' | 'step' | 'undo'
    readonly hears: readonly string[]
    readonly says: readonly string[]
    /** For an undo: the name of the step that it undoes. */
    readonly undoes?: string
    /** What it does stands, whatever fails later. */
    readonly final?: true
    readonly deadline?: TopologyDeadline
  }[]
  /** The answers to its deadlines to which it has no reaction. */
  readonly awaits?: readonly string[]
}

/** How long a saga waits for an answer, and what is said when none came. */
export interface TopologyDeadline {
  readonly from: string
  readonly afterMs: number
  readonly says: string
  readonly liftedBy: readonly string[]
}

export interface TopologyEvent {
  readonly type: string
  readonly owner: string
  readonly topic: string
  /** Services that emit it: its owner, or none if the owner is not in this set. */
  readonly saidBy: readonly string[]
  readonly heardBy: readonly string[]
  /** If it ends a saga: how; `aside` for what ends nothing and need not be heard. */
  readonly end?: keyof Ends
  /** Set where a deadline says it: how long it was waited. */
  readonly afterMs?: number
}

/** Reads the topology off a set of services. Starts nothing. */
export function topologyOf(services: readonly Service[]): Topology {
  const events = new Map<
    string,
    {
      type: string
      owner: string
      topic: string
      saidBy: string[]
      heardBy: string[]
      end?: keyof Ends
      afterMs?: number
    }
  >()
  for (const service of services) {
    for (const [types, side] of [
      [service.says, 'saidBy'],
      [service.hears, 'heardBy'],
    ] as const) {
      for (const { type, owner, topic } of types) {
        // Two services may each own an event of one name.
        const name = `${owner}/${type}`
        const event = events.get(name) ?? { type, owner, topic, saidBy: [], heardBy: [] }
        event[side].push(service.name)
        events.set(name, event)
      }
    }
    for (const end of ['completed', 'cancelled', 'aside'] as const) {
      for (const { type, owner } of service.ends[end]) {
        const event = events.get(`${owner}/${type}`)
        if (event) event.end = end
      }
    }
    for (const { emit, afterMs } of service.deadlines) {
      const event = events.get(`${emit.owner}/${emit.type}`)
      if (event) event.afterMs = afterMs
    }
  }
  return { services: services.map(describe), events: [...events.values()] }
}

function describe(service: Service): TopologyService {
  const all = new Set(service.reactions.values())
  const lifting = [...all].find(({ name }) => name === onlyLiftingName)
  const bound = new Set([...all].filter((one) => one !== lifting))
  return {
    name: service.name,
    commands: [...service.commands].map(([name, { emits, deadline }]) => ({
      name,
      says: emits.map(({ type }) => type),
      ...describeDeadline(deadline),
    })),
    ...(lifting ? { awaits: lifting.reaction.on.map(({ type }) => type) } : {}),
    reactions: [...bound].map((one) => ({
      name: one.name,
      form: one.reaction.undoes ? 'undo' : one.isStep ? 'step' : 'reaction',
      hears: one.reaction.on.map(({ type }) => type),
      says: one.reaction.emits.map(({ type }) => type),
      ...undoneStep(one, bound),
      ...(one.reaction.isFinal ? { final: true as const } : {}),
      ...describeDeadline(one.reaction.deadline),
    })),
  }
}

function describeDeadline(deadline: Deadline | undefined): { deadline?: TopologyDeadline } {
  if (!deadline) return {}
  const { from, afterMs, emit, liftedBy } = deadline
  return {
    deadline: {
      from: from.type,
      afterMs,
      says: emit.type,
      liftedBy: liftedBy.map(({ type }) => type),
    },
  }
}

function undoneStep(one: BoundReaction, all: ReadonlySet<BoundReaction>): { undoes?: string } {
  const step = [...all].find(({ reaction }) => reaction === one.reaction.undoes?.step)
  return step ? { undoes: step.name } : {}
}

/** A length of time for people: `90 s`, `5 min`, `250 ms`. */
export function durationOf(ms: number): string {
  const [unitMs, unit] = units.find(([size]) => ms > 0 && ms % size === 0) ?? [1, 'ms']
  return `${ms / unitMs} ${unit}`
}

const units = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const
