import { hearersOf } from '../checks/story.ts'
import { pause } from '../world/pause.ts'
import type { World } from '../world/world.ts'
import { readOpenOrders, readProgress } from './read-ledger.ts'
import { readTopics, type TopicFacts } from './read-topics.ts'

const everyMs = 200

export interface Drained {
  /** What is still open, a sentence each; empty if nothing is. */
  readonly open: readonly string[]
  /** What the topics hold; undefined if they could not be read. */
  readonly topics: TopicFacts | undefined
}

/**
 * Waits until every saga has ended, everything is published, and everything that was published has been
 * heard, duplicates included; or until the time is over.
 */
export async function untilDrained(
  world: World,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<Drained> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const found = await look(world).catch(
      (error: unknown): Drained => ({
        open: [`nobody can tell: ${error instanceof Error ? error.message : String(error)}`],
        topics: undefined,
      }),
    )
    if (found.open.length === 0 || performance.now() > endMs) return found
    await pause(everyMs, signal)
  }
}

async function look(world: World): Promise<Drained> {
  const { services, kafka, registryUrl } = world
  const open: string[] = []
  const { count, ids } = await readOpenOrders(world.databaseUrl('order'))
  if (count > 0) open.push(`${count} orders have not ended: ${ids.join(', ')}`)
  const progress = await Promise.all(
    services.map(async (service) => ({ service, ...(await readProgress(world.databaseUrl(service))) })),
  )
  for (const { service, outbox } of progress) {
    if (outbox > 0) open.push(`${service} has ${outbox} events in its outbox`)
  }
  // To read all topics is dear: only when nothing else is open any more.
  if (open.length > 0) return { open, topics: undefined }
  const topics = await readTopics(kafka, registryUrl)
  for (const { service, positions } of progress) open.push(...behind(service, positions, topics))
  return { open, topics }
}

/** Where a service has not come to what concerns it. (Past what does not, its position follows when it likes.) */
function behind(
  service: string,
  positions: ReadonlyMap<string, bigint>,
  { records }: TopicFacts,
): readonly string[] {
  const waiting = new Map<string, number>()
  for (const { topic, partition, offset, type } of records) {
    const lane = `${topic}/${partition}`
    if (offset < (positions.get(lane) ?? 0n) || !hearersOf(type).includes(service)) continue
    waiting.set(lane, (waiting.get(lane) ?? 0) + 1)
  }
  return [...waiting].map(([lane, count]) => `${service} has not come to ${count} events in ${lane}`)
}
