import type { LetterRow } from '../checks/facts.ts'
import { hearersOf } from '../checks/story.ts'
import { poisonedBy } from '../poison/forms.ts'
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

export interface DrainedOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Sagas that need not have ended as long as a dead letter of theirs waits for a person. */
  readonly awaiting?: ReadonlySet<string>
  /** Whether dead letters were redriven: what nobody can mend has to have come back. */
  readonly isRedriven?: boolean
}

/**
 * Waits until every saga has ended, everything is published, everything that was published has been heard,
 * duplicates included, nothing is parked, and all poison is a dead letter; or until the time is over.
 */
export async function untilDrained(world: World, options: DrainedOptions): Promise<Drained> {
  const { timeoutMs, signal } = options
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const found = await look(world, options).catch(
      (error: unknown): Drained => ({
        open: [`nobody can tell: ${error instanceof Error ? error.message : String(error)}`],
        topics: undefined,
      }),
    )
    if (found.open.length === 0 || performance.now() > endMs) return found
    await pause(everyMs, signal)
  }
}

async function look(
  world: World,
  { awaiting = new Set(), isRedriven = false }: DrainedOptions,
): Promise<Drained> {
  const { services, kafka, registryUrl } = world
  const open: string[] = []
  const progress = await Promise.all(
    services.map(async (service) => ({ service, ...(await readProgress(world.databaseUrl(service))) })),
  )
  const letters = progress.flatMap((one) => one.letters)
  const waiting = new Set(letters.flatMap(({ saga, state }) => (state === 'open' ? (saga ?? []) : [])))
  const ids = (await readOpenOrders(world.databaseUrl('order'))).filter(
    (id) => !(awaiting.has(id) && waiting.has(id)),
  )
  if (ids.length > 0) open.push(`${ids.length} orders have not ended: ${ids.slice(0, 5).join(', ')}`)
  for (const { service, outbox, parked } of progress) {
    if (outbox > 0) open.push(`${service} has ${outbox} events in its outbox`)
    if (parked.length > 0) open.push(`${service} has parked ${parked.slice(0, 5).join(', ')}`)
  }
  // To read all topics is dear: only when nothing else is open any more.
  if (open.length > 0) return { open, topics: undefined }
  const topics = await readTopics(kafka, registryUrl)
  for (const { service, positions, letters: its } of progress) {
    open.push(...behind(service, positions, topics), ...unread(service, its, topics, isRedriven))
  }
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

/** Poison that a service has not set aside yet, or not again. */
function unread(
  service: string,
  letters: readonly LetterRow[],
  { poison }: TopicFacts,
  isRedriven: boolean,
): readonly string[] {
  const open = new Map(letters.flatMap((one) => (one.state === 'open' ? [[one.id, one]] : [])))
  return poison.flatMap(({ topic, partition, offset, form, type }) => {
    if (!poisonedBy(form, topic, type).includes(service)) return []
    const letter = open.get(`${topic}/${partition}/${offset}`)
    if (letter && (!isRedriven || letter.redrives > 0)) return []
    return [`${service} has not set ${form} aside, at ${topic}[${partition}]@${offset}`]
  })
}
