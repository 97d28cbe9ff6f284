// One run: the runtime's own code on a model of the world, out of one seed.
import { documentName } from '@troupe/core'
import { type MemoryLedger, memoryLedger } from '@troupe/core/memory-ledger'
import { type Found, judge, type Violation } from './checks.test.kit.ts'
import { audit, bankWith } from './company.test.kit.ts'
import { type WatchedDeadline, watchDeadlines } from './deadlines.test.kit.ts'
import { type Faults, faultsEndMs } from './faults.test.kit.ts'
import { createGroup, type Group } from './group.test.kit.ts'
import { forgettingInbox, refusingPoison, watchBlame, watchContradictions } from './model-ledger.test.kit.ts'
import { modelLog } from './model-log.test.kit.ts'
import { randomOf } from './random.test.kit.ts'
import { installVirtualTime } from './virtual-time.test.kit.ts'
import { beginWorkload } from './workload.test.kit.ts'
import { traceOf, type World } from './world.test.kit.ts'

export interface Run {
  readonly seed: number
  readonly violations: readonly Violation[]
  /** The same for every run of one seed. */
  readonly traceHash: string
  /** How much came of it: a run in which nothing happens proves nothing. */
  readonly facts: { readonly events: number; readonly duplicates: number; readonly virtualMs: number }
}

interface Troubles {
  isTroubled: boolean
  isBrokerAway: boolean
  isOutsideAway: boolean
}

const partitions = 2
const eventsPerRun = 30
const commandsPerRun = 4
/** Long after the last fault: by then everything has been put right. */
const drainedByMs = 180_000
const tickMs = 50
/** The wall clock of the database, which nobody sets. */
const databaseBeganMs = 1_600_000_000_000

export async function simulate(seed: number, faults: Faults, onLine?: (line: string) => void): Promise<Run> {
  const random = randomOf(seed)
  const time = installVirtualTime(random)
  try {
    const trace = traceOf(time, onLine)
    const troubles: Troubles = { isTroubled: true, isBrokerAway: false, isOutsideAway: false }
    const world: World = {
      time,
      random,
      faults,
      get isTroubled() {
        return troubles.isTroubled
      },
      get isBrokerAway() {
        return troubles.isBrokerAway
      },
      latencyMs: () => (random.chance(0.05) ? random.next() * 100 : random.next() * 5),
      trace: (line) => trace.add(line),
    }
    const found = await play(world, troubles)
    return {
      seed,
      violations: judge(found),
      traceHash: trace.hash,
      facts: {
        events: found.log.all('bank.events').length,
        duplicates: duplicatesIn(found),
        virtualMs: Math.round(time.nowMs),
      },
    }
  } finally {
    time.uninstall()
  }
}

async function play(world: World, troubles: Troubles): Promise<Found> {
  const { time, random, faults } = world
  const log = modelLog(partitions)
  const nowMs = () => databaseBeganMs + time.nowMs
  const [bankLedger, auditLedger] = [memoryLedger({ nowMs }), memoryLedger({ nowMs })]
  const deadlines = new Map<string, WatchedDeadline>()
  const blamedFor = new Set<string>()
  const contradictions = new Set<string>()
  const outsideCalls: { idempotencyKey: string; name: string }[] = []
  const outsideTook = new Set<string>()
  const outside = async (idempotencyKey: string, name: string) => {
    outsideCalls.push({ idempotencyKey, name })
    await time.sleep(world.latencyMs())
    const fails = world.isTroubled && random.chance(faults.outsideFails)
    if (fails || troubles.isOutsideAway) throw new Error('nobody answers')
    outsideTook.add(name)
    await time.sleep(world.latencyMs() * 2)
    if (world.isTroubled && faults.outsideLost > 0 && random.chance(faults.outsideLost))
      throw new Error('the answer was lost')
    return name
  }
  const stumbles = (name: string) => time.nowMs < (workload.stumbling.get(name) ?? 0)
  const { bank, payIn } = bankWith(outside, stumbles)
  const banks = createGroup(world, bank, {
    topic: 'counter.events',
    log,
    openLedger() {
      const opened = watchContradictions(bankLedger.open(), contradictions)
      const poisoned = refusingPoison(opened, (id) => workload.poison.byId.get(id) === 'refused')
      const forgetful = faults.forgetsInbox ? forgettingInbox(poisoned, bankLedger.tables) : poisoned
      return watchBlame(watchDeadlines(forgetful, bankLedger.tables, world, deadlines), blamedFor)
    },
  })
  const audits = createGroup(world, audit, {
    topic: 'bank.events',
    log,
    openLedger: () => watchBlame(watchContradictions(auditLedger.open(), contradictions), blamedFor),
  })
  banks.start(faults.banks)
  audits.start(2)
  const workload = beginWorkload(world, log, {
    events: eventsPerRun,
    commands: commandsPerRun,
    payIn,
    instances: banks.instances,
  })
  // What nobody has read is lost with its topic, and not to be found again.
  const remake = () => {
    if (behindIn(bankLedger, 'counter.events').length > 0) return
    world.trace(`counter.events is made again; parked: ${bankLedger.parkedNames().length}`)
    log.remake('counter.events')
  }
  const trouble = setInterval(() => makeTrouble(world, troubles, { groups: [banks, audits], remake }), tickMs)
  void time.sleep(faultsEndMs).then(() => {
    troubles.isTroubled = false
    troubles.isBrokerAway = false
    troubles.isOutsideAway = false
    clearInterval(trouble)
    world.trace('no more faults')
  })

  const behindIn = (ledger: MemoryLedger, topic: string) =>
    Array.from({ length: partitions }, (_, partition) => `${topic}/${partition}`).flatMap(
      (place, partition) => {
        const { next, topicId } = ledger.tables.positions.get(place) ?? {}
        const [end, id] = [log.end(topic, partition), log.idOf(topic)]
        return (next === undefined ? end === 0n : next === end && topicId === id)
          ? []
          : [`${place} is at ${next} of ${topicId}, not at ${end} of ${id}`]
      },
    )
  const parkedIn = (ledger: MemoryLedger, name: string) =>
    ledger.parkedNames().map((key) => `${name} still has ${key} parked`)
  const behind = () => [
    ...(workload.isDone ? [] : ['not every client has its answer']),
    ...behindIn(bankLedger, 'counter.events'),
    ...behindIn(auditLedger, 'bank.events'),
    ...parkedIn(bankLedger, 'bank'),
    ...parkedIn(auditLedger, 'audit'),
  ]
  const isDrained = () =>
    !troubles.isTroubled &&
    workload.isDone &&
    bankLedger.tables.outbox.size === 0 &&
    auditLedger.tables.outbox.size === 0 &&
    bankLedger.tables.deadlines.size === 0 &&
    behind().length === 0
  const end = await time.runUntil(isDrained, drainedByMs)
  // What comes too late comes now: the last word of a zombie must not count either.
  if (end === 'so') await time.runUntil(() => false, time.nowMs + 5_000)

  const documentsOf = (kind: string) => (kind === 'page' ? auditLedger : bankLedger).tables.documents
  return {
    log,
    documentOf: (kind, key) => documentsOf(kind).get(documentName({ kind, key }))?.state,
    documents: [...bankLedger.tables.documents.values(), ...auditLedger.tables.documents.values()],
    workload,
    deadlines,
    left: [...bankLedger.tables.outbox.keys(), ...auditLedger.tables.outbox.keys()],
    behind: behind(),
    outsideCalls,
    outsideTook,
    isAnybodyCutOff: faults.crashes + faults.moves + faults.stalls + faults.restarts > 0,
    blamedFor: [...blamedFor],
    contradictions: [...contradictions],
    successesMin: 5,
  }
}

function makeTrouble(
  { random, faults, trace, time }: World,
  troubles: Troubles,
  { groups, remake }: { readonly groups: readonly Group[]; readonly remake: () => void },
): void {
  const isDue = (perSecond: number) => perSecond > 0 && random.chance((perSecond * tickMs) / 1_000)
  for (const group of groups) {
    if (isDue(faults.moves)) group.move()
    if (isDue(faults.stalls)) group.stall()
    if (isDue(faults.restarts)) group.restart()
    if (isDue(faults.clockJumps)) group.jumpClock()
  }
  if (isDue(faults.remakes)) remake()
  if (faults.clockJumps > 0 && isDue(faults.clockJumps)) time.skewMs = random.below(7_200_000) - 3_600_000
  if (faults.brokerAwayMs > 0 && !troubles.isBrokerAway && isDue(1)) {
    trace('the broker is away')
    troubles.isBrokerAway = true
    void time.sleep(faults.brokerAwayMs).then(() => (troubles.isBrokerAway = false))
  }
  if (faults.outsideAwayMs > 0 && !troubles.isOutsideAway && isDue(2)) {
    trace('nobody answers outside')
    troubles.isOutsideAway = true
    void time.sleep(faults.outsideAwayMs).then(() => (troubles.isOutsideAway = false))
  }
}

function duplicatesIn({ log }: Found): number {
  const records = log.all('bank.events')
  return records.length - new Set(records.map(({ headers }) => String(headers['ce_id']))).size
}
