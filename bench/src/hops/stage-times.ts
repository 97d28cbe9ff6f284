import type { Child } from '../processes/child.ts'

/** What a service has measured of the stages of its batches. */
export interface StageTimes {
  /** In the order of an event's way. */
  readonly msPerBatch: ReadonlyMap<string, number>
  /** What came after an earlier reading. */
  since(earlier: StageTimes): StageTimes
  readonly sums: ReadonlyMap<string, { readonly seconds: number; readonly count: number }>
}

const order = ['receive', 'decode', 'recall', 'react', 'settle', 'relay']

/** Reads a service's metrics. */
export async function readStages({ said }: Child): Promise<StageTimes> {
  const { http } = said as { readonly http: string }
  const text = await (await fetch(`${http}/metrics`)).text()
  const value = (kind: 'sum' | 'count', stage: string) =>
    Number(
      new RegExp(`^troupe_stage_seconds_${kind}\\{stage="${stage}"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0,
    )
  return timesOf(
    new Map(order.map((stage) => [stage, { seconds: value('sum', stage), count: value('count', stage) }])),
  )
}

function timesOf(sums: StageTimes['sums']): StageTimes {
  return {
    sums,
    msPerBatch: new Map(
      [...sums].map(([stage, { seconds, count }]) => [stage, count === 0 ? 0 : (seconds * 1_000) / count]),
    ),
    since: (earlier) =>
      timesOf(
        new Map(
          [...sums].map(([stage, { seconds, count }]) => {
            const was = earlier.sums.get(stage) ?? { seconds: 0, count: 0 }
            return [stage, { seconds: seconds - was.seconds, count: count - was.count }]
          }),
        ),
      ),
  }
}
