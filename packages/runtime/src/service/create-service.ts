// One running service: the only place where all rooms meet. What it is made of: `create-parts`; how that
// is started: `start-parts`.
//
// Stopping goes against the stream: no new commands, no new events, what is under way is settled, what
// is settled is published, what is published is deleted, and only then are connections closed. Each part
// of it gets its share of `stopTimeoutMs`; what has not ended by then is left to the next start.

import { laneOf, type Log, type Service, type Sql, TroupeError } from '@troupe/core'
import type { Receiver } from '@troupe/kafka'
import { shared } from '../abort.ts'
import { serveAdmin } from '../admin/admin-server.ts'
import { createParts, type ServiceParts } from './create-parts.ts'
import type { Settings } from '../settings/environment.ts'
import { forgetPublished } from '../batch/forget.ts'
import { serveHttp } from '../http/http.ts'
import type { HttpServer } from '../http/http-server.ts'
import { createLifecycle } from './lifecycle.ts'
import { optionsOf, refuseNoService } from '../settings/options.ts'
import { settingsOf } from '../settings/settings-of.ts'
import {
  isOpen,
  type Routes,
  type RunningService,
  type ServiceState,
  type Status,
} from './running-service.ts'
import type { OpenPartitions } from '../aside/retry-loop.ts'
import { startParts } from './start-parts.ts'
import { letGoInOrder } from './stopping.ts'

export interface ServiceOptions {
  readonly log: Log
  /** Registers the service's own routes beside the health checks. */
  readonly routes?: Routes
}

/**
 * Creates a service, unconnected.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID`; `TROUPE_DECLARATION_INVALID` for what is no service, and for a
 *   setting or an option that is none, or of another kind
 */
export function createService(service: Service, given: Settings, options: ServiceOptions): RunningService {
  refuseNoService(service, 'createService')
  const { log, routes } = optionsOf(options, 'createService', ['log', 'routes'])
  const settings = settingsOf(given, 'createService')
  const callOff = new AbortController()
  const stopping = new AbortController()
  const signal = shared(callOff.signal)
  const parts = createParts(service, settings, { log, signal, stopping: shared(stopping.signal) })
  let http: HttpServer | undefined
  let admin: HttpServer | undefined

  async function listen(): Promise<void> {
    const { metrics, tracing, codec, ledger, retries } = parts
    const desk = { service, codec, ledger, log, onDue: () => retries.wake() }
    if (settings.admin) admin = await serveAdmin(desk, settings.admin)
    if (!settings.http) return
    const isTraced = tracing !== undefined
    http = await serveHttp(running, settings.http, { log, metrics, isTraced, ...(routes ? { routes } : {}) })
  }

  const lifecycle = createLifecycle({
    name: service.name,
    async start(joining) {
      const sinceMs = parts.now()
      await startParts(parts, { service, settings, signal, listen, joining })
      log.info(
        { startMs: parts.now() - sinceMs, http: http?.url, admin: admin?.url },
        `${service.name} is running`,
      )
    },
    callOff() {
      stopping.abort()
      callOff.abort()
    },
    async letGo(was) {
      stopping.abort()
      const { pulse, lookout, backPressure, retention, retries, recounts, counts } = parts
      for (const watch of [pulse, lookout, backPressure, retention, retries, recounts, counts])
        void watch.stop()
      const canForget = was === 'running' || was === 'joining'
      const forget = canForget ? (timeoutMs: number) => forgetPublished(parts.settling, timeoutMs) : undefined
      const { sweeper } = parts.settling
      const { stopTimeoutMs: timeoutMs } = settings
      await letGoInOrder({ ...parts, http, admin, sweeper }, { callOff, forget, timeoutMs, log })
      if (was !== 'new') log.info({}, `${service.name} has stopped`)
    },
  })

  const running: RunningService = {
    service,
    get httpUrl() {
      return http?.url
    },
    get state() {
      return lifecycle.state
    },
    get adminUrl() {
      return admin?.url
    },
    start: lifecycle.start,
    stop: lifecycle.stop,
    status: () => statusOf(parts, lifecycle.state),
    sql: parts.inTables?.tables.read ?? noTables(service),
    ...doorsOf(parts),
  }
  return running
}

function noTables({ name }: Service): Sql {
  const refuse = async (): Promise<never> => {
    throw new TroupeError(
      'TROUPE_TRANSACTION_MISUSED',
      `The service ${name} has no tables of its own to ask. Declare them under \`tables\`.`,
    )
  }
  return Object.assign(refuse, { query: refuse })
}

/** How the service's own code and its callers reach what it does and knows. */
function doorsOf({
  decider,
  ledger,
  reached,
  relay,
}: ServiceParts): Pick<RunningService, 'decide' | 'read' | 'list' | 'progress'> {
  return {
    decide: (command, input, options) => decider.decide(command, input, options),
    async read(ref) {
      const stored = await ledger.document(ref)
      return stored ? ref.document.parse(stored.state, ref.key) : ref.document.initial(ref.key)
    },
    async list(type, { after, limit = 100 } = {}) {
      const stored = await ledger.documents(type.kind, { limit, ...(after === undefined ? {} : { after }) })
      return stored.map(({ key, state: body }) => ({ key, state: type.parse(body, key) }))
    },
    async progress() {
      // In this order: what was emitted on the way to these positions has been handed to the relay.
      const snapshot = [...reached.values()]
      await relay.drained()
      return snapshot
    },
  }
}

function statusOf(
  { dependencies, receiver, backPressure, schemas, breakers, partitions }: ServiceParts,
  state: ServiceState,
): Status {
  const states = dependencies.states()
  const halted = haltedIn(receiver)
  const isUp = states.database.state === 'up' && states.kafka.state === 'up'
  const pressure = backPressure.state()
  const unregistered = schemas.unregistered()
  const isWritable = unregistered.every(({ state: one }) => one !== 'awaited')
  const isTaking = halted.length === 0 && pressure.holdsBack !== 'events and commands'
  return {
    state,
    isReady: isOpen(state) && isUp && isWritable && isTaking,
    halted,
    backPressure: pressure,
    dependencies: states,
    schemas: unregistered,
    breakers: breakers.states(),
    parked: parkedIn(partitions),
  }
}

function parkedIn(partitions: OpenPartitions): Status['parked'] {
  const states = [...partitions.values()].map(({ open }) => open.parked.state)
  const sum = (of: 'keys' | 'paused' | 'held' | 'events') => states.reduce((all, state) => all + state[of], 0)
  return { keys: sum('keys'), paused: sum('paused'), held: sum('held'), events: sum('events') }
}

/** Partitions whose position Kafka does not have: their events wait for a person. */
function haltedIn(receiver: Receiver | undefined): readonly string[] {
  return (receiver?.state.partitions ?? []).filter(({ phase }) => phase === 'halted').map(laneOf)
}
