// The instances of one service and who of them has which partition: what Kafka's consumer group and the
// receiver do, without Kafka. A new owner begins at once, whatever the old one is doing.
import { isTroupeError, laneOf, type Ledger, type RawRecord, type Service } from '@troupe/core'
import type { PartitionWork } from '@troupe/kafka'
import { claimPartition } from '../batch/partition.ts'
import { createInstance, type Instance } from './instance.test.kit.ts'
import { modelKafka } from './model-kafka.test.kit.ts'
import type { ModelLog } from './model-log.test.kit.ts'
import type { World } from './world.test.kit.ts'

export interface Group {
  /** Those that take commands. */
  readonly instances: readonly Instance[]
  start(count: number): void
  /** Gives a partition to another instance. */
  move(): void
  /** Stops an instance for a while and gives its partitions away. */
  stall(): void
  /** One instance goes in order, another one comes. */
  restart(): void
  jumpClock(): void
}

interface Lane {
  readonly instance: Instance
  readonly partition: number
  /** Aborted: the instance knows that the partition is another's. */
  readonly lost: AbortController
  isFinishing: boolean
  readonly ended: Promise<void>
}

export function createGroup(
  world: World,
  service: Service,
  {
    topic,
    log,
    openLedger,
  }: { readonly topic: string; readonly log: ModelLog; readonly openLedger: () => Ledger },
): Group {
  const { time, random, faults, trace } = world
  const instances: Instance[] = []
  const owners = new Map<number, Instance>()
  const lanes = new Set<Lane>()
  const partitions = Array.from({ length: log.partitions }, (_, partition) => partition)
  let born = 0

  function bear(): void {
    const instance = createInstance(`${service.name}-${++born}`, service, {
      world,
      ledger: openLedger(),
      connect: (one) => modelKafka(world, log, one),
      onDeath: bury,
    })
    void instance.start().then(
      () => {
        instances.push(instance)
        assign()
      },
      () => instance.crash(),
    )
  }

  function bury(instance: Instance): void {
    remove(instance)
    void time.sleep(20 + random.below(200)).then(() => {
      bear()
      assign()
    })
  }

  function remove(instance: Instance): void {
    const at = instances.indexOf(instance)
    if (at >= 0) instances.splice(at, 1)
    for (const [partition, owner] of owners) if (owner === instance) owners.delete(partition)
  }

  /** Gives every partition without an owner to somebody. */
  function assign(): void {
    for (const partition of partitions) {
      if (!owners.has(partition) && instances.length > 0) give(partition, random.pick(instances))
    }
  }

  function give(partition: number, instance: Instance): void {
    const before = [...lanes].filter((lane) => lane.partition === partition)
    owners.set(partition, instance)
    trace(`${service.name}[${partition}] belongs to ${instance.name}`)
    for (const lane of before) tell(lane, lane.instance === instance ? 0 : random.pick([0, 0, 50, 500, -1]))
    const own = before.filter((lane) => lane.instance === instance).map(({ ended }) => ended)
    const lane: Omit<Lane, 'ended'> = { instance, partition, lost: new AbortController(), isFinishing: false }
    const running: Lane = Object.assign(lane, { ended: Promise.all(own).then(() => run(lane)) })
    lanes.add(running)
    void running.ended.then(() => lanes.delete(running))
  }

  /** A stalled instance learns of nothing; one that is never told learns it from its fence. */
  function tell(lane: Lane, afterMs: number): void {
    if (afterMs === 0) lane.lost.abort()
    else if (afterMs > 0) void time.sleep(afterMs).then(() => lane.lost.abort())
  }

  const isOver = ({ instance, lost, isFinishing, partition }: Omit<Lane, 'ended'>) =>
    instance.isDead || lost.signal.aborted || isFinishing || owners.get(partition) !== instance

  async function run(lane: Omit<Lane, 'ended'>): Promise<void> {
    const place = { topic, partition: lane.partition }
    let replaces: string | undefined
    while (!isOver(lane)) {
      try {
        const found = { id: log.idOf(topic), replaces }
        const work = await claimPartition(place, lane.instance.partitionOptions, found)
        lane.instance.partitions.set(laneOf(place), { ...place, open: work })
        await read(lane, work).finally(() => lane.instance.partitions.delete(laneOf(place)))
        replaces = isOfAnother(work) ? work.topicId : undefined
        await work.release()
      } catch (error) {
        trace(`${lane.instance.name} cannot have ${topic}[${lane.partition}]: ${String(error)}`)
      }
      await time.sleep(20)
    }
  }

  const isOfAnother = ({ topicId }: PartitionWork) => topicId !== undefined && topicId !== log.idOf(topic)

  async function read(lane: Omit<Lane, 'ended'>, work: PartitionWork): Promise<void> {
    const { partition, lost, instance } = lane
    let from = work.next ?? 0n
    work.fenced?.addEventListener('abort', () => log.wake())
    while (!instance.isDead && !lost.signal.aborted && !lane.isFinishing && !work.fenced?.aborted) {
      if (isOfAnother(work)) return
      const records = log.read(topic, partition, from, 1 + random.below(12))
      const last = records.at(-1)
      if (!last) {
        await log.appended(lost.signal)
        await time.sleep(world.latencyMs())
        continue
      }
      if (!(await take(lane, work, { records, from, to: last.offset + 1n }))) return
      from = last.offset + 1n
      if (world.isTroubled && random.chance(faults.redelivers)) {
        const back = BigInt(1 + random.below(10))
        from = from > back ? from - back : 0n
        trace(`${topic}[${partition}] comes again from ${from}`)
      }
    }
  }

  /** Until it is settled; false if the claim ends before. */
  async function take(
    lane: Omit<Lane, 'ended'>,
    work: PartitionWork,
    part: { readonly records: readonly RawRecord[]; readonly from: bigint; readonly to: bigint },
  ): Promise<boolean> {
    const { instance, partition, lost } = lane
    while (!instance.isDead && !lost.signal.aborted && !lane.isFinishing) {
      try {
        const highWatermark = log.end(topic, partition)
        await work.take({ topic, partition, ...part, highWatermark, signal: lost.signal })
        return true
      } catch (error) {
        trace(`${instance.name} take fails: ${String(error)}`)
        if (isTroupeError(error, 'TROUPE_FENCED')) return false
        await time.sleep(50)
      }
    }
    return false
  }

  return {
    instances,
    start(count) {
      for (let one = 0; one < count; one++) bear()
    },
    move() {
      if (instances.length > 0) give(random.pick(partitions), random.pick(instances))
    },
    stall() {
      if (instances.length < 2) return
      const instance = random.pick(instances)
      instance.stall(100 + random.below(1_500))
      const others = instances.filter((one) => one !== instance)
      for (const [partition, owner] of owners) {
        if (owner === instance) give(partition, random.pick(others))
      }
    },
    restart() {
      if (instances.length === 0) return
      const instance = random.pick(instances)
      const at = instances.indexOf(instance)
      instances.splice(at, 1)
      void instance
        .stop(async () => {
          const own = [...lanes].filter((lane) => lane.instance === instance)
          for (const lane of own) lane.isFinishing = true
          log.wake()
          const late = time.sleep(1_000).then(() => own.forEach((lane) => lane.lost.abort()))
          await Promise.race([Promise.all(own.map(({ ended }) => ended)), late])
        })
        .then(() => {
          remove(instance)
          bear()
          assign()
        })
    },
    jumpClock() {
      if (instances.length > 0) random.pick(instances).jumpClock(random.below(7_200_000) - 3_600_000)
    },
  }
}
