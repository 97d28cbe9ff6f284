import { chainOf, outcomeOf, type Saga } from '../observe/saga.ts'
import type { Expectation } from './orders.ts'
import type { Story } from './stories.ts'

/** One order of a story, as it was really seen. */
export interface SeenOrder {
  /** What each post of it was answered with: the order's id. */
  readonly answers: readonly string[]
  /** Undefined if no event of it was seen. */
  readonly saga: Saga | undefined
  /** What `GET /orders/:id` said in the end. */
  readonly state: string | undefined
}

/** What was seen of a story. */
export interface SeenStory {
  readonly orders: readonly SeenOrder[]
  /** How many sagas began while the story was played. */
  readonly sagasBegun: number
}

/** Compares what was seen with what the story expects. No problems: it ended as it should. */
export function problemsOf(story: Story, seen: SeenStory): readonly string[] {
  const problems = seen.orders.flatMap((order, at) => {
    const which = seen.orders.length > 1 ? `order ${at + 1}: ` : ''
    return orderProblems(order, story).map((problem) => which + problem)
  })
  if (seen.orders.length !== story.orders.length) {
    problems.push(`${seen.orders.length} of ${story.orders.length} orders were placed`)
  }
  if (seen.sagasBegun !== story.orders.length) {
    problems.push(`${story.orders.length} sagas should have begun, ${seen.sagasBegun} did`)
  }
  return problems
}

function orderProblems(
  { answers, saga, state }: SeenOrder,
  { posts = 1, expected }: Story,
): readonly string[] {
  const problems: string[] = []
  if (answers.length !== posts) problems.push(`${answers.length} of ${posts} posts were accepted`)
  const ids = new Set(answers)
  if (ids.size > 1) problems.push(`one idempotency key named ${ids.size} orders: ${[...ids].join(', ')}`)
  if (state !== expected.outcome) {
    problems.push(`GET /orders/… says ${state ?? 'nothing'} instead of ${expected.outcome}`)
  }
  return saga ? [...problems, ...sagaProblems(saga, expected)] : [...problems, 'none of its events was seen']
}

/** What is wrong with a saga, if anything. */
export function sagaProblems(saga: Saga, expected: Expectation): readonly string[] {
  const problems: string[] = []
  const outcome = outcomeOf(saga)
  if (outcome !== expected.outcome) {
    problems.push(`it is ${outcome ?? 'still under way'} instead of ${expected.outcome}`)
  }
  const chain = chainOf(saga)
  if (chain.join() !== expected.events.join()) {
    problems.push(`its events were ${chain.join(' → ')} instead of ${expected.events.join(' → ')}`)
  }
  return problems
}
