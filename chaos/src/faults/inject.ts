import type { Poisoner } from '../poison/poisoner.ts'
import type { Part } from '../processes/part.ts'
import type { Proxy } from '../proxy/proxy.ts'
import { pause } from '../world/pause.ts'
import type { LinkName } from '../world/instance.ts'
import type { World } from '../world/world.ts'
import { type Fault, type FaultKind, targetsOf } from './schedule.ts'

export interface InjectOptions {
  readonly signal: AbortSignal
  readonly poisoner: Poisoner
  readonly onFault: (fault: Fault) => void
  /** A target did not come back. */
  readonly onProblem: (problem: string) => void
}

/**
 * Does to a world what the schedule says, each fault at its time, or when its target is itself again. Resolves
 * when all are over.
 *
 * @returns how many of each kind there were
 * @throws the signal's reason
 */
export async function inject(
  world: World,
  schedule: readonly Fault[],
  { signal, poisoner, onFault, onProblem }: InjectOptions,
): Promise<Readonly<Partial<Record<FaultKind, number>>>> {
  const beganMs = performance.now()
  const turns = new Map<string, Promise<void>>()
  const counts: Partial<Record<FaultKind, number>> = {}
  for (const fault of schedule) {
    const earlyMs = beganMs + fault.atMs - performance.now()
    if (earlyMs > 0) await pause(earlyMs, signal)
    signal.throwIfAborted()
    const targets = targetsOf(fault)
    const before = Promise.all(targets.flatMap((target) => turns.get(target) ?? []))
    const turn = before.then(async () => {
      if (signal.aborted) return
      onFault(fault)
      counts[fault.kind] = (counts[fault.kind] ?? 0) + 1
      await apply(world, fault, { signal, poisoner })
    })
    const over = turn.catch((error: unknown) => {
      if (!signal.aborted) onProblem(`${fault.kind} of ${fault.target}: ${(error as Error).message}`)
    })
    for (const target of targets) turns.set(target, over)
  }
  await Promise.all(turns.values())
  signal.throwIfAborted()
  return counts
}

async function apply(
  world: World,
  fault: Fault,
  { signal, poisoner }: Pick<InjectOptions, 'signal' | 'poisoner'>,
): Promise<void> {
  const { kind, target, forMs, means } = fault
  switch (kind) {
    case 'kill':
      return down(world.instance(target).part, 'kill', forMs, signal)
    case 'restart':
      return down(world.instance(target).part, 'stop', forMs, signal)
    case 'freeze':
      return down(world.instance(target).part, 'freeze', forMs, signal)
    case 'scale': {
      const { part } = world.instance(target)
      await part.start()
      await pause(forMs, signal)
      if (means === 'kill') await part.kill()
      else await part.stop()
      return
    }
    case 'cut':
    case 'silence':
    case 'delay':
      return onLink(linkOf(world, target), fault, signal)
    case 'gateway':
      return onGateway(world, fault, signal)
    case 'poison':
      return poisoner.give({ seed: fault.seed ?? 0, curseMs: forMs }, signal)
    case 'silent-service':
      return goSilent(world, fault, signal)
    case 'broker':
    case 'registry':
      return down(world[kind], means === 'freeze' || means === 'kill' ? means : 'stop', forMs, signal)
    case 'database':
      if (means !== 'kill') return down(world.database, means === 'orphan' ? 'kill' : 'stop', forMs, signal)
      await world.crashDatabase()
      await pause(forMs, signal)
      return world.database.start()
  }
}

async function down(
  part: Part,
  by: 'kill' | 'stop' | 'freeze',
  forMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (by === 'kill') await part.kill()
  else if (by === 'stop') await part.stop()
  else part.freeze()
  try {
    await pause(forMs, signal)
  } finally {
    if (by === 'freeze') part.thaw()
  }
  await part.start()
}

/** All of a service's instances at once. */
async function goSilent(
  { instances }: World,
  { target, forMs, means }: Fault,
  signal: AbortSignal,
): Promise<void> {
  const all = [...instances.values()].filter(({ service }) => service === target)
  await Promise.all(all.map(({ part }) => (means === 'kill' ? part.kill() : part.stop())))
  await pause(forMs, signal)
  await Promise.all(all.filter(({ number }) => number === 1).map(({ part }) => part.start()))
}

async function onGateway(world: World, { means, forMs, delayMs }: Fault, signal: AbortSignal): Promise<void> {
  switch (means) {
    case 'slow':
    case 'failing':
    case 'dropping':
    case 'twice': {
      await world.tellGateway(means, delayMs)
      try {
        await pause(forMs, signal)
      } finally {
        await world.tellGateway('well')
      }
      return
    }
    case 'freeze':
      return down(world.gateway, 'freeze', forMs, signal)
    default:
      return down(world.gateway, 'kill', forMs, signal)
  }
}

async function onLink(
  link: Proxy,
  { kind, forMs, cut, delayMs = 0 }: Fault,
  signal: AbortSignal,
): Promise<void> {
  const waiting = pause(forMs, signal)
  try {
    if (kind === 'cut' && cut) await Promise.race([link.cutAfter(cut.from, cut.bytes), waiting])
    else {
      if (kind === 'silence') link.silence(true)
      else link.delay(delayMs)
      await waiting
    }
  } finally {
    link.heal()
    // Of a race that was decided otherwise.
    waiting.catch(() => {})
  }
}

function linkOf(world: World, target: string): Proxy {
  const [instance = '', link = ''] = target.split('/')
  return world.instance(instance).links[link as LinkName]
}
