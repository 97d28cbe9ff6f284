import type { Ecosystem, EcosystemTimings } from '../ecosystem/ecosystem.ts'
import type { LoadReport } from '../load/tally.ts'
import type { Balance } from '../observe/balance.ts'
import type { Sums } from '../observe/sums.ts'
import type { StoryReport } from '../stories/play-story.ts'
import type { DemoAddresses } from './addresses.ts'

/** The one JSON document of `troupe demo --json`. */
export interface DemoReport {
  readonly ok: boolean
  readonly stories: readonly StoryReport[]
  /** With `--orders`. */
  readonly load?: LoadReport
  readonly balance: Balance & { readonly sums: Sums }
  /** Dead letters, and records that could not be read, since the start. */
  readonly troubles: readonly string[]
  readonly timings: EcosystemTimings & {
    /** All stories, or all orders. */
    readonly playedMs: number
    /** From the first POST to the end of its saga. */
    readonly firstSagaMs: number | null
  }
  /** Without `--once`. */
  readonly addresses?: DemoAddresses
}

/** Of each service. */
const complaintsMax = 5

/** What was played, before it is held against the books. */
export interface Played {
  readonly stories: readonly StoryReport[]
  readonly load?: LoadReport
  readonly firstSagaMs: number | null
}

/** The verdict on a whole demo. */
export function hasGoneWell(
  { stories, load }: Played,
  balance: Balance,
  troubles: readonly string[],
): boolean {
  return stories.every(({ ok }) => ok) && (load?.ok ?? true) && balance.ok && troubles.length === 0
}

/** What the services have complained about lately: it may say why something went otherwise. */
export function complaintsOf({ services }: Pick<Ecosystem, 'services'>): readonly string[] {
  return [...services.values()].flatMap((one) =>
    one
      .lastLines()
      .filter(({ level }) => level !== 'info' && level !== 'debug')
      .slice(-complaintsMax)
      .map(({ level, text }) => `${one.name} ${level}: ${text}`),
  )
}

/** That what was set aside before the start is not counted, where there is any. */
export function earlierNote(count: number): readonly string[] {
  return count === 0
    ? []
    : [`Not counted: ${count} dead letters or unreadable records from before. troupe dlq lists what is open.`]
}

/** What went otherwise than it should, a sentence each. */
export function problemsIn({
  stories,
  load,
  balance,
  troubles,
}: Pick<DemoReport, 'stories' | 'load' | 'balance' | 'troubles'>): readonly string[] {
  return [
    ...stories
      .filter(({ ok }) => !ok)
      .map(({ name, problems }) => `Story "${name}" failed: ${problems.join('; ')}.`),
    ...(load && !load.ok ? [`Not all orders ended as they should: ${load.problems.join('; ')}.`] : []),
    ...balance.lines
      .filter(({ ok }) => !ok)
      .map(
        ({ name, events, books, by }) =>
          `Out of balance: ${name} is ${events} by the events and ${books} in the books of ${by}.`,
      ),
    ...troubles.map((trouble) => `Trouble on Kafka: ${trouble}`),
  ]
}
