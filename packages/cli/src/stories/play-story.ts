import { isTroupeError, messageOf, TroupeError } from '@troupe/core'
import { v7 } from 'uuid'
import type { Ecosystem } from '../ecosystem/ecosystem.ts'
import type { Observer } from '../observe/observer.ts'
import {
  chainOf,
  inCausalOrder,
  isWhole,
  knownAtMs,
  outcomeOf,
  type Saga,
  type SagaOutcome,
} from '../observe/saga.ts'
import { problemsOf, type SeenOrder } from './judge.ts'
import type { OrderApi } from './order-api.ts'
import type { Story } from './stories.ts'

/** One event of a saga, for machines. */
export interface ReportedEvent {
  readonly type: string
  /** Who emitted it. */
  readonly service: string
  /** From the first POST of its order until it was seen on Kafka, in milliseconds. */
  readonly ms: number
}

export interface ReportedSaga {
  readonly sagaId: string
  readonly outcome: SagaOutcome | 'open'
  readonly events: readonly ReportedEvent[]
}

/** What became of one story. `outcome`, `sagaId` and `events` are those of its first order. */
export interface StoryReport extends ReportedSaga {
  readonly name: string
  readonly expected: SagaOutcome
  readonly expectedEvents: readonly string[]
  readonly ok: boolean
  /** What ended otherwise than it should; empty if `ok`. */
  readonly problems: readonly string[]
  /** All its sagas, the first one included. */
  readonly sagas: readonly ReportedSaga[]
}

export interface Stage {
  readonly ecosystem: Pick<Ecosystem, 'stopService' | 'startService' | 'failed'>
  readonly observer: Observer
  readonly orders: OrderApi
  /** Told what the story does besides placing orders. */
  readonly onAct?: (what: string) => void
  /** Told when an order was placed: which saga, and when its first POST began (`performance.now()`). */
  readonly onPlaced?: (sagaId: string, postedAtMs: number) => void
}

export interface PlayOptions {
  readonly signal?: AbortSignal
  /** How long the story may take; what is missing then counts as not having happened. Default 30,000. */
  readonly timeoutMs?: number
}

interface PlacedOrder {
  readonly answers: readonly string[]
  readonly postedAtMs: number
}

/**
 * Plays a story through Order's HTTP API and judges it by what was seen: on Kafka, and in Order's answers.
 *
 * @throws the signal's reason, or why a service or the stack died. A story that ends otherwise than it
 *   should, or not in time, is reported, not thrown.
 */
export async function playStory(story: Story, stage: Stage, options: PlayOptions = {}): Promise<StoryReport> {
  const { observer, ecosystem } = stage
  const { timeoutMs = 30_000 } = options
  options.signal?.throwIfAborted()
  const deadline = AbortSignal.timeout(timeoutMs)
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline
  const begunBefore = observer.begun()
  const placed: PlacedOrder[] = []
  const lateness: string[] = []
  try {
    const isCalledOff = () => options.signal?.aborted ?? false
    await Promise.race([act(story, { ...stage, signal, placed, isCalledOff }), ecosystem.failed])
  } catch (error) {
    if (options.signal?.aborted || isTroupeError(error, 'TROUPE_SERVICE_DIED')) throw error
    lateness.push(deadline.aborted ? `it did not end within ${timeoutMs} ms` : messageOf(error))
  }
  const seen = await Promise.all(placed.map((one) => seenOrder(one, stage)))
  const problems = [
    ...lateness,
    ...problemsOf(story, { orders: seen, sagasBegun: observer.begun() - begunBefore }),
  ]
  const sagas = seen.map(({ saga, answers }, at) =>
    reported(saga, answers[0] ?? '', placed[at]?.postedAtMs ?? 0),
  )
  const first = sagas[0] ?? { sagaId: '', outcome: 'open' as const, events: [] }
  return {
    name: story.name,
    expected: story.expected.outcome,
    ...first,
    expectedEvents: story.expected.events,
    ok: problems.length === 0,
    problems,
    sagas,
  }
}

interface Acting extends Stage {
  readonly signal: AbortSignal
  readonly placed: PlacedOrder[]
  /** True once the whole demo is to stop: then nothing is started any more. */
  readonly isCalledOff: () => boolean
}

async function act(story: Story, acting: Acting): Promise<void> {
  const { ecosystem, observer, signal, placed, onAct, isCalledOff } = acting
  const { away } = story
  if (away !== undefined) {
    onAct?.(`${away} is stopped`)
    await ecosystem.stopService(away)
  }
  try {
    for (const order of story.orders) await place(order, story.posts ?? 1, acting)
    if (away !== undefined) {
      await allWaitFor(story, away, acting)
      onAct?.(`${placed.length} orders wait for ${away}; it is started`)
    }
  } finally {
    // Also when the orders did not come as far as they should: the next story needs it.
    if (away !== undefined && !isCalledOff()) await ecosystem.startService(away)
  }
  await observer.until(
    () => sagasOf(placed, observer).every((saga) => saga && isWhole(saga)) || undefined,
    signal,
  )
  // What comes after an end would come now.
  await observer.caughtUp(signal)
}

/** Posts one order as often as the story says, all with one key. */
async function place(order: Story['orders'][number], posts: number, acting: Acting): Promise<void> {
  const { orders, placed, signal, onPlaced } = acting
  const idempotencyKey = v7()
  const answers: string[] = []
  const postedAtMs = performance.now()
  placed.push({ answers, postedAtMs })
  for (let post = 0; post < posts; post += 1) {
    const id = await orders.place(order, { idempotencyKey, signal })
    answers.push(id)
    if (post === 0) onPlaced?.(id, postedAtMs)
  }
}

/** Waits until every saga has said what the absent service is to hear, and checks that none went on. */
async function allWaitFor(story: Story, away: string, { observer, placed, signal }: Acting): Promise<void> {
  const heardAt = story.expected.events.findIndex((type) => observer.hearersOf(type).includes(away))
  const expected = story.expected.events.slice(0, heardAt + 1)
  await observer.until(
    () =>
      sagasOf(placed, observer).every((saga) => (saga?.events.length ?? 0) >= expected.length) || undefined,
    signal,
  )
  await observer.caughtUp(signal)
  for (const saga of sagasOf(placed, observer)) {
    const chain = saga ? chainOf(saga) : []
    if (chain.join() === expected.join()) continue
    throw new TroupeError(
      'TROUPE_SAGA_OVERDUE',
      `While ${away} was stopped, ${saga?.id} went through ${chain.join(' → ')} instead of ${expected.join(' → ')}.`,
    )
  }
}

function sagasOf(placed: readonly PlacedOrder[], observer: Observer): readonly (Saga | undefined)[] {
  return placed.map(({ answers }) => observer.saga(answers[0] ?? ''))
}

async function seenOrder({ answers }: PlacedOrder, { observer, orders }: Stage): Promise<SeenOrder> {
  const id = answers[0]
  if (id === undefined) return { answers, saga: undefined, state: undefined }
  return { answers, saga: observer.saga(id), state: await orders.state(id) }
}

const none: Saga = { id: '', events: [] }

function reported(saga: Saga | undefined, sagaId: string, postedAtMs: number): ReportedSaga {
  return {
    sagaId,
    outcome: (saga && outcomeOf(saga)) ?? 'open',
    events: inCausalOrder(saga?.events ?? []).map((one) => ({
      type: one.event.type,
      service: one.event.source,
      ms: Math.round((knownAtMs(one, saga ?? none) - postedAtMs) * 10) / 10,
    })),
  }
}
