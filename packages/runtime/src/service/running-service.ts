import type { UnregisteredSchema } from '@troupe/avro'
import type { Command, DocumentRef, DocumentType, Service, Sql, TopicPartition } from '@troupe/core'
import type { FastifyInstance } from 'fastify'
import type { BackPressure } from '../batch/back-pressure.ts'
import type { BreakerState } from '../calls/breaker.ts'
import type { DecideCommandOptions } from '../batch/decider.ts'
import type { DependencyName, DependencyState } from './dependencies.ts'

export type ServiceState = 'new' | 'starting' | 'joining' | 'running' | 'stopping' | 'stopped'

export interface Status {
  readonly state: ServiceState
  readonly isReady: boolean
  /** Partitions, as `topic/partition`, whose position Kafka does not have: they wait for a person. */
  readonly halted: readonly string[]
  readonly backPressure: BackPressure
  readonly dependencies: Readonly<Record<DependencyName, DependencyState>>
  /**
   * Event types of this service whose schemas the registry has not confirmed: `remembered` ones are written
   * under the id of last time, `awaited` ones cannot be written, and make the service not ready.
   */
  readonly schemas: readonly UnregisteredSchema[]
  /** By reaction that calls the outside; where one is not closed its events wait, and the service is ready. */
  readonly breakers: Readonly<Record<string, BreakerState>>
  /**
   * What is parked in the partitions of this process: it is tried again, but for `held` keys, those that are
   * `paused` once their calls are made again; nobody is less ready for it.
   */
  readonly parked: {
    readonly keys: number
    readonly paused: number
    readonly held: number
    readonly events: number
  }
}

/** How far this process has handled a partition: `next` is the offset it handles next. */
export interface Progress extends TopicPartition {
  readonly next: bigint | undefined
}

export interface ListPage {
  /** Keys after this one. */
  readonly after?: string
  /** 1 to 1,000. Default 100. */
  readonly limit?: number
}

/** A service in this process. */
export interface RunningService {
  readonly service: Service
  /** Where its HTTP server listens, once it does. */
  readonly httpUrl: string | undefined
  /** Where it is in its life. */
  readonly state: ServiceState
  /** Where its admin API listens, once it does; undefined without a token. */
  readonly adminUrl: string | undefined
  /** Resolves when the service has joined its consumer group. @throws what refused the start */
  start(): Promise<void>
  /** Lets everything under way finish, for `stopTimeoutMs` at most. Safe to call in any state. */
  stop(): Promise<void>
  /** All that a health check says: more work than to ask for `state`. */
  status(): Status
  /** Resolves once all that was emitted so far is published, with how far each partition has been handled. */
  progress(): Promise<readonly Progress[]>
  /** Decides on a command: one transaction of documents and outbox, the same answer for the same key. */
  decide<Input extends object, Answer>(
    command: Command<Input, Answer>,
    input: Input,
    options?: DecideCommandOptions,
  ): Promise<Answer>
  /** A document, or its initial state. */
  read<State extends object>(ref: DocumentRef<State>): Promise<State>
  /**
   * Reads the service's own tables, each statement by itself; refuses to write, which `transact` does.
   * @throws TroupeError `TROUPE_TRANSACTION_MISUSED` if the service has no tables; what the database says
   */
  readonly sql: Sql
  /** Documents of one kind, by key. */
  list<State extends object>(
    type: DocumentType<State>,
    page?: ListPage,
  ): Promise<readonly { readonly key: string; readonly state: State }[]>
}

/** Whether a service in this state takes commands and answers queries. */
export function isOpen(state: ServiceState): boolean {
  return state === 'joining' || state === 'running'
}

/** Registers a service's own routes. */
export type Routes = (http: FastifyInstance, running: RunningService) => void | Promise<void>
