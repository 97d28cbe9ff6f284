import { type Command, isCommand } from './command.ts'
import { type Deadline, deadlinesOf, liftsOf } from './deadline.ts'
import {
  eventTypesOf,
  fieldsOf,
  type Limits,
  listOf,
  refuseDeclaration,
  refuseUnfitNumbers,
  refuseUnknownFields,
  refuseValue,
  settingOf,
} from './declared.ts'
import type { AnyEventType } from './event-type.ts'
import { isReaction, type Reaction, reaction } from './reaction.ts'
import { declaredPolicy, type RetryPolicy } from './retry-policy.ts'
import { shown } from './shown.ts'
import type { TableMigration } from './tables.ts'

const brand = Symbol.for('troupe.service')

export interface ServiceDeclaration {
  /** Lower-case; owns the topic `<name>.events`, the dead letters `<name>.dlq` and the consumer group `<name>`. */
  readonly name: string
  /** Its reactions, each under the name of what it does: a letter, then letters, digits, dashes and underscores. */
  readonly reactions: Readonly<Record<string, Reaction>>
  /** Its commands, each under the name of what is asked for. */
  readonly commands?: Readonly<Record<string, Command>>
  /** Which of its events end a saga, and how; what nobody hears and is not in here, `troupe graph --check` takes for forgotten. */
  readonly ends?: Partial<Ends>
  /** What its topic has to be like; where it says nothing, the settings of the process do. */
  readonly topic?: TopicShape
  /** What is done when one of its reactions fails, unless that says otherwise. */
  readonly retry?: Partial<RetryPolicy>
  /**
   * How its own tables are made, for reactions with `transact`: each run once, in this order, before the service
   * starts, in a schema of the service's name. Left out where something else makes them.
   */
  readonly tables?: readonly TableMigration[]
}

/** The events with which sagas end. */
export interface Ends {
  /** The saga did what it set out to do. */
  readonly completed: readonly AnyEventType[]
  /** The saga was given up; what had been done is undone, or is being undone. */
  readonly cancelled: readonly AnyEventType[]
  /** Ends nothing: said for whoever wants to know, who may be nobody. */
  readonly aside: readonly AnyEventType[]
}

/** What the topic of a service has to be like, whoever makes it. */
export interface TopicShape {
  /** 1 to 10,000: how many instances can share the work. Not to be changed later, for the sake of order. */
  readonly partitions?: number
  /** 1 to 32,767: how many brokers hold each record. */
  readonly replication?: number
  /** How long an event stays in the topic, in milliseconds; -1 for ever. Default: the broker's. */
  readonly retentionMs?: number
}

/** One reaction as a service knows it: under a name, and with the steps' relations resolved. */
export interface BoundReaction {
  readonly name: string
  readonly reaction: Reaction
  /** True if some undo of the same service undoes it. */
  readonly isStep: boolean
  /** Under which name the ledger keeps the step: for an undo, that of the step that it undoes. See {@link stepName}. */
  readonly step: string | undefined
  /** Type of the event by which the step says that it was done. */
  readonly doneType: string | undefined
  /** By the type of an event that is heard: the deadlines of its saga that it lifts, whatever else it does. */
  readonly lifts: ReadonlyMap<string, readonly string[]>
}

/** A named set of reactions with its own database. Inert until it is run. */
export interface Service {
  readonly name: string
  readonly topic: string
  readonly deadLetterTopic: string
  /** What its topic has to be like, as far as it was declared. */
  readonly topicShape: TopicShape
  /** As far as it was declared. */
  readonly retry: Partial<RetryPolicy>
  /** By the type of the event that is heard. */
  readonly reactions: ReadonlyMap<string, BoundReaction>
  readonly commands: ReadonlyMap<string, Command>
  /** Its deadlines, each once. */
  readonly deadlines: readonly Deadline[]
  /** Every event type it hears, each once. */
  readonly hears: readonly AnyEventType[]
  /** Every event type it may emit, each once. */
  readonly says: readonly AnyEventType[]
  readonly ends: Ends
  /** How its own tables are made; undefined for a service that has none. */
  readonly tables: readonly TableMigration[] | undefined
}

const names = ['name', 'reactions', 'commands', 'ends', 'topic', 'retry', 'tables']

/**
 * Declares a service.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID` if a value is not of its type, or has a name that no service
 *   knows; if two reactions hear one event type, if it emits an event that another service owns, if an undo's step
 *   is not its own, if a step has two undos, if two steps say by one event that they are done, if two deadlines
 *   emit one event, if an end is none of its events, or if a name, the topic's shape, `retry` or `tables` is
 *   malformed.
 */
export function service(declaration: ServiceDeclaration): Service {
  const given = fieldsOf(
    declaration,
    'The declaration of a service',
    'Give `service` an object with `name` and `reactions`.',
  )
  const { name } = given
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    refuseDeclaration(
      `A service cannot be named ${shown(name)}. Use lower-case letters, digits and dashes, starting with a letter.`,
    )
  }
  refuseUnknownFields(given, names, `service ${name}`)
  const retry = given.retry === undefined ? Object.freeze({}) : declaredPolicy(given.retry, `service ${name}`)
  const topicShape = shapeOf(name, given.topic)
  const declared = handlersOf(name, 'reactions', given.reactions, isReaction)
  const commands = handlersOf(name, 'commands', given.commands === undefined ? {} : given.commands, isCommand)
  const speakers = [...declared, ...commands].map(([, one]) => one)
  const deadlines = deadlinesOf(name, speakers)
  const says = distinct([...speakers.flatMap(({ emits }) => emits), ...deadlines.map(({ emit }) => emit)])
  const foreign = says.find(({ owner }) => owner !== name)
  if (foreign) {
    refuseDeclaration(
      `Service ${name} emits ${foreign.type}, which ${foreign.owner} owns. Emit an event of its own instead, and let others react to that.`,
    )
  }
  const elsewhere = says.find(({ topic }) => topic !== topicOf(name))
  if (elsewhere) {
    refuseDeclaration(
      `Service ${name} emits ${elsewhere.type}, whose schema names the topic ${elsewhere.topic}. Take \`topic\` out of the schema: what a service emits goes to its own topic, ${topicOf(name)}.`,
    )
  }
  const lifts = liftsOf(deadlines)
  const reactions = new Map<string, BoundReaction>()
  for (const [reactionName, reaction] of declared) {
    const bound = bind(name, reactionName, reaction, { declared, lifts })
    for (const { type } of reaction.on) {
      const other = reactions.get(type)
      if (other) {
        refuseDeclaration(
          `Service ${name} hears ${type} twice, in ${other.name} and in ${reactionName}. ${
            other.reaction.undoes || reaction.undoes
              ? 'Let the one that comes second hear an event that the first one emits.'
              : 'Do both in one reaction.'
          }`,
        )
      }
      reactions.set(type, bound)
    }
  }
  const answers = distinct(deadlines.flatMap(({ liftedBy }) => liftedBy))
  const unheard = answers.filter(({ type }) => !reactions.has(type))
  if (unheard.length > 0) {
    const lifting = onlyLifting(unheard, lifts)
    for (const { type } of unheard) reactions.set(type, lifting)
  }
  const made: Service = {
    name,
    topic: topicOf(name),
    deadLetterTopic: `${name}.dlq`,
    topicShape,
    retry,
    reactions,
    commands: new Map(commands),
    deadlines,
    hears: distinct([...declared.flatMap(([, { on }]) => on), ...answers]),
    says,
    ends: endsOf(name, says, given.ends),
    tables: tablesOf(name, declared, given.tables),
  }
  Object.defineProperty(made, brand, { value: true })
  return made
}

/** True for what {@link service} made, of any copy of this package. */
export function isService(value: unknown): value is Service {
  return typeof value === 'object' && value !== null && brand in value
}

/** The topic in which a service keeps all its events, so that its facts stay in order. */
export function topicOf(serviceName: string): string {
  return `${serviceName}.events`
}

/** What is listed under names, each of which is fit to be one. */
function handlersOf<Handler extends object>(
  serviceName: string,
  field: 'reactions' | 'commands',
  listed: Readonly<Record<string, Handler>>,
  isFit: (value: unknown) => value is Handler,
): readonly (readonly [string, Handler])[] {
  const whose = `service ${serviceName}`
  const one = field === 'reactions' ? 'reaction' : 'command'
  const handlers = Object.entries(
    fieldsOf(listed, `\`${field}\` of ${whose}`, `Use an object of ${field}, each under its name.`),
  )
  for (const [name, handler] of handlers) {
    refuseUnfitName(serviceName, name)
    if (!isFit(handler)) {
      refuseValue(handler, `${field}.${name}`, whose, `Give it what \`${one}\` made, or take it away.`)
    }
  }
  return handlers
}

const shapeLimits = {
  partitions: { min: 1, max: 10_000 },
  replication: { min: 1, max: 32_767 },
  retentionMs: { min: 1, max: Number.MAX_SAFE_INTEGER, or: { value: -1, said: '-1 for ever' } },
} satisfies Record<keyof TopicShape, Limits>

function shapeOf(serviceName: string, topic: TopicShape = {}): TopicShape {
  const whose = `service ${serviceName}`
  const shape = settingOf(topic, 'topic', whose, Object.keys(shapeLimits))
  refuseUnfitNumbers(shape, shapeLimits, 'topic', whose)
  return Object.freeze(shape)
}

const tableNames = ['name', 'sql'] as const

/** A service with a `transact` has tables, whoever makes them. */
function tablesOf(
  serviceName: string,
  reactions: readonly (readonly [string, Reaction])[],
  tables: readonly TableMigration[] | undefined,
): Service['tables'] {
  if (tables === undefined) return reactions.some(([, { transact }]) => transact) ? [] : undefined
  const whose = `service ${serviceName}`
  const list = listOf(tables, 'tables', whose, 'Give it a list of migrations, or leave it out.')
  return Object.freeze(
    list.map((one, index) => {
      const use = 'Give it an object with `name` and `sql`.'
      const migration = fieldsOf(one, `\`tables[${index}]\` of ${whose}`, use)
      refuseUnknownFields(migration, tableNames, whose, `tables[${index}].`)
      for (const field of tableNames) {
        const value: unknown = migration[field]
        if (typeof value !== 'string')
          refuseValue(value, `tables[${index}].${field}`, whose, 'Give it a text.')
      }
      return Object.freeze(migration)
    }),
  )
}

const endNames = ['completed', 'cancelled', 'aside'] as const

function endsOf(serviceName: string, says: readonly AnyEventType[], declared: Partial<Ends> = {}): Ends {
  const whose = `service ${serviceName}`
  const given = settingOf(declared, 'ends', whose, endNames)
  const typesOf = (end: keyof Ends) =>
    eventTypesOf(given[end] === undefined ? [] : given[end], `ends.${end}`, whose)
  const ends = { completed: typesOf('completed'), cancelled: typesOf('cancelled'), aside: typesOf('aside') }
  const all = [...ends.completed, ...ends.cancelled, ...ends.aside]
  for (const type of all) {
    if (!says.includes(type))
      refuseDeclaration(
        `Service ${serviceName} declares ${type.type} as an end, which it never emits. Let whoever emits it declare that.`,
      )
    if (all.indexOf(type) !== all.lastIndexOf(type))
      refuseDeclaration(`Service ${serviceName} declares ${type.type} twice among its ends. Name it once.`)
  }
  return Object.freeze(ends)
}

function bind(
  serviceName: string,
  name: string,
  reaction: Reaction,
  {
    declared,
    lifts,
  }: { readonly declared: readonly (readonly [string, Reaction])[]; readonly lifts: BoundReaction['lifts'] },
): BoundReaction {
  if (reaction.undoes) {
    const { step, done } = reaction.undoes
    const found = declared.find(([, other]) => other === step)
    if (!found) {
      refuseDeclaration(
        `${name} of service ${serviceName} undoes a step that the service does not list. List the step among its reactions.`,
      )
    }
    return { name, reaction, isStep: false, step: stepName(done), doneType: done.type, lifts }
  }
  const undos = declared.filter(([, other]) => other.undoes?.step === reaction)
  const [first, second] = undos
  if (second) {
    refuseDeclaration(
      `${name} of service ${serviceName} is undone twice, by ${first?.[0]} and by ${second[0]}. Let one undo hear all the events that call for it.`,
    )
  }
  const done = first?.[1].undoes?.done
  const rival = done && declared.find(([, { undoes }]) => undoes?.done === done && undoes.step !== reaction)
  if (rival) {
    refuseDeclaration(
      `Two steps of service ${serviceName} say by ${done.type} that they are done, so its undos ${first?.[0]} and ${rival[0]} could not tell them apart. Let each step emit an event of its own.`,
    )
  }
  return {
    name,
    reaction,
    isStep: done !== undefined,
    step: done && stepName(done),
    doneType: done?.type,
    lifts,
  }
}

/** What a service does on hearing an answer to which it has no reaction. */
function onlyLifting(on: readonly AnyEventType[], lifts: BoundReaction['lifts']): BoundReaction {
  const lifting = reaction({ on, emits: [], react() {} })
  return {
    name: onlyLiftingName,
    reaction: lifting,
    isStep: false,
    step: undefined,
    doneType: undefined,
    lifts,
  }
}

/** Under which name {@link onlyLifting} is known: no declared reaction has a blank in its own. */
export const onlyLiftingName = 'lift deadlines'

/**
 * A step is named for the event by which it says that it is done, which the ledger keeps with it. Sagas
 * outlive deployments: the reaction may be renamed, and the list of what it hears may grow or change its
 * order, without orphaning the steps of sagas that are under way.
 */
function stepName(done: AnyEventType): string {
  return done.type
}

function refuseUnfitName(serviceName: string, own: string): void {
  if (/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(own)) return
  refuseDeclaration(
    `Service ${serviceName} has a reaction or command named ${JSON.stringify(own)}. Use a letter, then letters, digits, dashes and underscores, 63 in all, such as "reserveStock".`,
  )
}

function distinct(types: readonly AnyEventType[]): readonly AnyEventType[] {
  const byType = new Map<string, AnyEventType>()
  for (const type of types) {
    const known = byType.get(type.type)
    if (known && known !== type) {
      refuseDeclaration(
        `Two different event types are named ${type.type}, of ${known.owner} and of ${type.owner}. Give one of them another name.`,
      )
    }
    byType.set(type.type, type)
  }
  return [...byType.values()]
}
