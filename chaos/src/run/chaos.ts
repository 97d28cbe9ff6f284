import { setMaxListeners } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judge, type Verdict } from '../checks/check.ts'
import type { Facts } from '../checks/facts.ts'
import { gather } from '../facts/gather.ts'
import { inject } from '../faults/inject.ts'
import { type Fault, scheduleOf } from '../faults/schedule.ts'
import { placeOrders } from '../load/order-load.ts'
import { createPoisoner, type Poisoner } from '../poison/poisoner.ts'
import { textOf } from '../processes/child.ts'
import { pause } from '../world/pause.ts'
import { createWorld, serviceNames, type World } from '../world/world.ts'
import { equipmentFor } from './equipment.ts'
import { type Options, replayCommand } from './options.ts'
import { putRight } from './put-right.ts'
import { checksOf, type Report } from './report.ts'

const sessionTimeoutMs = 2_000
const noteEveryMs = 5_000
const problemsMax = 50

/**
 * One run: orders under faults, then rest, then the checks.
 *
 * @throws the signal's reason, or what kept the world from starting. What is wrong afterwards is reported.
 */
export async function chaos(
  options: Options,
  { signal, note }: { readonly signal: AbortSignal; readonly note: (text: string) => void },
): Promise<Report> {
  const { seed, durationMs, kinds, drainMs: drainMsMax } = options
  const folder = mkdtempSync(join(tmpdir(), `troupe-chaos-${seed}-`))
  const ended: string[] = []
  const world = await createWorld({
    folder,
    instancesMax: 2,
    sessionTimeoutMs,
    fsync: true,
    onEnd(name, exit) {
      ended.push(`${name} ended by itself ${textOf(exit)}`)
      // As whoever operates it would: the run goes on, and says so at its end.
      void world.instances
        .get(name)
        ?.part.start()
        .catch(() => {})
    },
  })
  for (const { service, equip } of world.instances.values()) equip(equipmentFor(service, kinds))
  let isClean = false
  let poisoner: Poisoner | undefined
  try {
    note(`Seed ${seed}. Logs and data: ${folder}`)
    await world.start()
    poisoner = await createPoisoner(world)
    const schedule = scheduleOf({ seed, durationMs, kinds, services: serviceNames, sessionTimeoutMs })
    note(
      `${options.orders} orders over ${(durationMs / 60_000).toFixed(1)} minutes, ${schedule.length} faults …`,
    )
    const load = await underFaults(world, poisoner, schedule, options, { signal, note })
    note('Healing, and waiting until nothing moves …')
    const healedMs = performance.now()
    await world.heal()
    const { open, topics } = await putRight(world, load.orders, {
      kinds,
      timeoutMs: drainMsMax,
      signal,
      note,
    })
    const drainMs = performance.now() - healedMs
    note('Checking …')
    const facts = await gather(world, load.orders, topics)
    const silences = load.faults['silent-service'] ?? 0
    const verdict = judge(facts, { givenUpMin: Math.min(1, silences) })
    const report = reportOf({ options, world, load, open, ended, verdict, facts, drainMs, folder })
    isClean = report.ok
    if (!isClean || options.keep) await keepEvidence(folder, report, schedule, facts)
    return isClean && !options.keep ? { ...report, folder: undefined } : report
  } finally {
    await poisoner?.close()
    await world.close()
    if ((isClean || signal.aborted) && !options.keep) await rm(folder, { recursive: true, force: true })
  }
}

interface Load {
  readonly orders: Facts['orders']
  readonly faults: Report['faults']
  readonly problems: readonly string[]
  readonly loadMs: number
}

async function underFaults(
  world: World,
  poisoner: Poisoner,
  schedule: readonly Fault[],
  { seed, orders: count, durationMs }: Options,
  { signal, note }: { readonly signal: AbortSignal; readonly note: (text: string) => void },
): Promise<Load> {
  const beganMs = performance.now()
  const problems: string[] = []
  const seconds = () => ((performance.now() - beganMs) / 1_000).toFixed(0).padStart(4)
  let answered = 0
  let begun = 0
  const over = new AbortController()
  const notes = (async () => {
    for (;;) {
      await pause(noteEveryMs, over.signal)
      note(`${seconds()} s: ${answered} of ${count} orders taken, ${begun} of ${schedule.length} faults`)
    }
  })().catch(() => {})
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  setMaxListeners(0, both)
  try {
    const [orders, faults] = await Promise.all([
      placeOrders({
        count,
        seed,
        durationMs,
        urls: () => [world.instance('order-1').url, world.instance('order-2').url],
        signal: both,
        onAnswered: (so) => (answered = so),
      }),
      inject(world, schedule, {
        signal: both,
        poisoner,
        onFault: () => (begun += 1),
        onProblem(problem) {
          problems.push(problem)
          note(problem)
        },
      }),
    ])
    return { orders: [...orders, ...poisoner.orders], faults, problems, loadMs: performance.now() - beganMs }
  } finally {
    stop.abort(new Error('the other half of the run failed'))
    over.abort()
    await notes
  }
}

interface Found {
  readonly options: Options
  readonly world: World
  readonly load: Load
  readonly open: readonly string[]
  readonly ended: readonly string[]
  readonly verdict: Verdict
  readonly facts: Facts
  readonly drainMs: number
  readonly folder: string
}

function reportOf({ options, world, load, open, ended, verdict, facts, drainMs, folder }: Found): Report {
  const problems = [
    ...load.problems,
    ...ended,
    ...open.map((what) => `still open after ${(options.drainMs / 60_000).toFixed(1)} minutes: ${what}`),
    ...verdict.violations.map(({ check, text }) => `${check}: ${text}`),
  ]
  const parts = [
    world.broker,
    world.registry,
    world.database,
    world.gateway,
    ...[...world.instances.values()].map(({ part }) => part),
  ]
  return {
    ok: problems.length === 0,
    seed: options.seed,
    replay: replayCommand(options),
    loadMs: Math.round(load.loadMs),
    drainMs: Math.round(drainMs),
    orders: load.orders.length,
    completed: sagasWith('OrderCompleted', facts),
    ordersPerSecond: load.orders.length / (load.loadMs / 1_000),
    givenUp: sagasWith('OrderAbandoned', facts),
    deadLetters: [...facts.ledgers.values()].reduce((sum, { letters }) => sum + letters.length, 0),
    events: verdict.events,
    duplicates: verdict.duplicates,
    faults: load.faults,
    starts: parts.reduce((sum, { starts }) => sum + starts, 0),
    checks: checksOf(verdict, {
      'came back': load.problems.length,
      'stayed up': ended.length,
      'came to rest': open.length,
    }),
    problems: problems.slice(0, problemsMax),
    folder,
  }
}

/** In how many sagas an event of this type was said. */
function sagasWith(type: string, { records }: Facts): number {
  return new Set(records.filter((record) => record.type === type).map(({ saga }) => saga)).size
}

async function keepEvidence(
  folder: string,
  report: Report,
  schedule: readonly Fault[],
  { records }: Facts,
): Promise<void> {
  const lines = records.map((record) =>
    JSON.stringify(record, (_name, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
  )
  await Promise.all([
    writeFile(join(folder, 'report.json'), JSON.stringify(report, null, 2)),
    writeFile(join(folder, 'faults.json'), JSON.stringify(schedule, null, 2)),
    writeFile(join(folder, 'records.jsonl'), lines.join('\n')),
  ])
}
