// One process of a service: the runtime's own parts, as `create-service` wires them, on a model of the world.
//
// Invariants
// 1. A process that has died hears of nothing any more: whatever it waits for never comes. A request that it
//    had sent may still have its effect.
// 2. A process that is stopped neither sends nor hears until it goes on.
import {
  commandLane,
  type Ledger,
  type Log,
  type Parking,
  type Service,
  type Settlement,
  type TopicPartition,
  TroupeError,
} from '@troupe/core'
import { createRelay, type KafkaConnection, type Relay } from '@troupe/kafka'
import { jsonCodec, outboxLimits } from '../kits/bank.test.kit.ts'
import { createBlocking } from '../observe/blocking.ts'
import { createBreakers } from '../calls/breaker.ts'
import { createDecider, type Decider } from '../batch/decider.ts'
import { createDependencies } from '../service/dependencies.ts'
import { unreachable } from '../kits/fakes.test.kit.ts'
import { createFiring } from '../loops/firing.ts'
import { forgetPublished, sweepOutbox } from '../batch/forget.ts'
import { deriveId } from '../batch/ids.ts'
import { oneAtATime } from '../batch/one-at-a-time.ts'
import { createKeptResults } from '../calls/kept-results.ts'
import { createLookout, publishLeftovers } from '../batch/leftovers.ts'
import { createLocks } from '../batch/locks.ts'
import type { OpenPartition, PartitionOptions } from '../batch/partition.ts'
import { createRetryLoop } from '../aside/retry-loop.ts'
import { policiesOf } from '../aside/set-aside.ts'
import { letGoInOrder } from '../service/stopping.ts'
import { createSparingLog } from '../observe/sparing-log.ts'
import { createSweeper } from '../service/sweeper.ts'
import type { World } from './world.test.kit.ts'

export interface Instance {
  readonly name: string
  readonly isDead: boolean
  readonly relay: Relay
  readonly decider: Decider
  readonly partitionOptions: PartitionOptions
  /** What it has claimed and not let go of. */
  readonly partitions: Map<string, TopicPartition & { readonly open: OpenPartition }>
  /** Does something outside of the process: late, never, twice as slow, or without a word of it. */
  call<Result>(
    point: string,
    effect: () => Result | Promise<Result>,
    failure?: () => unknown,
  ): Promise<Result>
  start(): Promise<void>
  crash(): void
  stall(ms: number): void
  jumpClock(ms: number): void
  /** Stops as a service does on SIGTERM; `leave` ends receiving. */
  stop(leave: () => Promise<void>): Promise<void>
}

const never = new Promise<never>(() => {})

export function createInstance(
  name: string,
  service: Service,
  shared: {
    readonly world: World
    /** The process has it for itself, on what all processes of the service remember. */
    readonly ledger: Ledger
    readonly connect: (instance: Instance) => KafkaConnection
    readonly onDeath: (instance: Instance) => void
  },
): Instance {
  const { world } = shared
  const { time, random, faults, trace } = world
  let isDead = false
  let goesOnAtMs = 0
  let skewMs = 0
  const now = () => Date.now() + skewMs
  const callOff = new AbortController()
  const stopping = new AbortController()
  const log = quietLog

  async function awake(): Promise<void> {
    while (time.nowMs < goesOnAtMs) await time.sleep(goesOnAtMs - time.nowMs)
  }

  function crash(): void {
    if (isDead) return
    isDead = true
    trace(`${name} dies`)
    lookout.stop()
    void firing.stop()
    void retries.stop()
    sweeper.stop()
    shared.onDeath(instance)
  }

  const isHit = (chance: number) => world.isTroubled && chance > 0 && random.chance(chance)

  async function call<Result>(
    point: string,
    effect: () => Result | Promise<Result>,
    failure: () => unknown = unreachable,
  ): Promise<Result> {
    await time.sleep(world.latencyMs())
    await awake()
    if (isHit(faults.crashes)) crash()
    // What was sent before the death may arrive after it.
    if (isDead && !random.chance(0.3)) return never
    if (isHit(faults.failsBefore)) {
      trace(`${name} ${point} fails before`)
      throw failure()
    }
    if (isHit(faults.failsAndComesLater)) {
      trace(`${name} ${point} fails and comes later`)
      void time
        .sleep(random.below(300))
        .then(effect)
        .catch(() => {})
      throw failure()
    }
    let end: () => Result
    try {
      const result = await effect()
      end = () => result
      trace(`${name} ${point}`)
    } catch (error) {
      trace(`${name} ${point} is refused: ${String(error)}`)
      end = () => {
        throw error
      }
    }
    if (isHit(faults.crashes)) crash()
    await time.sleep(world.latencyMs())
    await awake()
    if (isDead) return never
    if (isHit(faults.failsAfter)) {
      trace(`${name} ${point} fails after`)
      throw failure()
    }
    return end()
  }

  const instance: Instance = {
    name,
    get isDead() {
      return isDead
    },
    get relay() {
      return relay
    },
    get decider() {
      return decider
    },
    get partitionOptions() {
      return partitionOptions
    },
    get partitions() {
      return partitions
    },
    call,
    async start() {
      lookout.start()
      retries.start()
      await relay.start()
      await publishLeftovers(commandLane, settling)
      firing.start()
    },
    crash,
    stall(ms) {
      trace(`${name} is stopped for ${ms} ms`)
      goesOnAtMs = time.nowMs + ms
    },
    jumpClock(ms) {
      skewMs += ms
    },
    async stop(leave) {
      trace(`${name} stops`)
      stopping.abort()
      lookout.stop()
      void retries.stop()
      const forget = (timeoutMs: number) => forgetPublished(settling, timeoutMs)
      const parts = {
        http: undefined,
        admin: undefined,
        decider,
        receiver: { stop: leave },
        firing,
        relay,
        sweeper,
        keptResults,
        ledger,
      }
      await letGoInOrder(parts, { callOff, forget, timeoutMs: 2_000, log })
      isDead = true
    },
  }

  const ledger = ledgerSeenBy(instance, shared.ledger, () => isHit(faults.races))
  const dependencies = createDependencies({ log, now })
  const relay = createRelay({ connection: shared.connect(instance), log })
  const sweeper = createSweeper(() => sweepOutbox(settling, 2_000), 200)
  const { signal } = callOff
  const keptResults = createKeptResults({ ledger, log, afterMs: 10 })
  const settling = { ledger, relay, sweeper, dependencies, locks: createLocks(), signal, log }
  const deciding = {
    service: service.name,
    deriveId,
    encode: jsonCodec.encode,
    schemaNameOf: jsonCodec.schemaNameOf,
    eventBytesMax: 100_000,
  }
  const lookout = createLookout(settling, { everyMs: 1_000, staleAfterMs: 1_000 })
  const firing = createFiring({
    ...settling,
    everyMs: 1_000,
    countEveryMs: 10_000,
    onFired() {},
    onCounted() {},
  })
  const decider = createDecider({
    ...settling,
    service,
    deciding,
    now,
    batchCommandsMax: 4,
    waitingMax: 100,
    outboxLimits,
  })
  const partitions = new Map<string, TopicPartition & { readonly open: OpenPartition }>()
  // As many as an event's attempts, as it is by default.
  const defaults = { failuresMax: 2, pauseMs: 10, pauseMsMax: 100 }
  const breakers = createBreakers(service, { defaults, log })
  const retries = createRetryLoop({
    ledger,
    partitions,
    breakers,
    random: () => random.next(),
    everyMs: 50,
    restMs: 10,
    log,
  })
  const partitionOptions: PartitionOptions = {
    ...settling,
    service,
    codec: jsonCodec,
    sparingLog: createSparingLog(log),
    deciding,
    now,
    batchEventsMax: 4,
    performsMax: 4,
    performAttemptsMax: 2,
    performTimeoutMs: 1_000,
    breakers,
    keptResults,
    blocking: createBlocking({ log, clock: () => time.nowMs, onBlocked() {} }),
    policyOf: policiesOf(service, { delayMs: 20, delayMsMax: 200 }),
    random: () => random.next(),
    parkedLimits: { eventsMax: 1_000, bytesMax: 1_000_000 },
    passedKeptAfterMs: 100,
    stopping: stopping.signal,
    aloneInTurn: oneAtATime(),
    onReached() {},
    onReleased() {},
  }

  return instance
}

/** The ledger through this process's connections. */
function ledgerSeenBy(instance: Instance, ledger: Ledger, isRace: () => boolean): Ledger {
  const { call } = instance
  return {
    ...ledger,
    claim: (partition, found) => call('claim', () => ledger.claim(partition, found)),
    suspect: (...asked) => call('suspect', () => ledger.suspect(...asked)),
    acquit: (...asked) => call('acquit', () => ledger.acquit(...asked)),
    recall: (request) => call('recall', () => ledger.recall(request)),
    keepPerformed: (results) => call('keepPerformed', () => ledger.keepPerformed(results)),
    settle: (settlement) =>
      call(settling(settlement), () => {
        if (isRace()) throw new TroupeError('TROUPE_CONFLICT', 'could not serialize access')
        return ledger.settle(settlement)
      }),
    positionOf: (partition) => call('positionOf', () => ledger.positionOf(partition)),
    unpublished: (part, after) => call('unpublished', () => ledger.unpublished(part, after)),
    fire: () => call('fire', () => ledger.fire()),
    outgoing: (ids, after) => call('outgoing', () => ledger.outgoing(ids, after)),
    dueKeys: (...asked) => call('dueKeys', () => ledger.dueKeys(...asked)),
    parkedWork: (...asked) => call('parkedWork', () => ledger.parkedWork(...asked)),
    putOffKeys: (...asked) => call('putOffKeys', () => ledger.putOffKeys(...asked)),
    parkedSum: () => call('parkedSum', () => ledger.parkedSum()),
    parkedTotals: (...asked) => call('parkedTotals', () => ledger.parkedTotals(...asked)),
  }
}

/** A settlement as the trace has it. */
function settling({ position, inbox, outbox, answers, published, parking }: Settlement): string {
  const short = (ids: readonly string[]) => ids.map((id) => id.slice(-6)).join(' ')
  const place = position
    ? `${position.topic}[${position.partition}]@${position.epoch} ${position.from}-${position.to}`
    : ''
  return `settle ${place} in ${short(inbox.map(({ id }) => id))} answers ${answers.length} out ${short(outbox.map(({ id }) => id))} gone ${short(published)}${aside(parking)}`
}

function aside({ keys, deadLetters }: Parking = { keys: [], deadLetters: [] }): string {
  const told = keys.map((one) => {
    if (one.form === 'follow') return `${one.key} +${one.records.length}`
    const done = one.form === 'retry' ? ` -${one.done.length}` : ` ${one.records.length}`
    return `${one.key}${done} ${one.next.state}`
  })
  return [...told, ...deadLetters.map(({ id }) => `dead ${id}`)].map((line) => ` aside ${line}`).join('')
}

const quietLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
