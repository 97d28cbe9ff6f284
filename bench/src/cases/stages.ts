import { pileUp } from '../hops/measure.ts'
import { readStages, type StageTimes } from '../hops/stage-times.ts'
import { type CpuUse, purposeNames } from '../profile/cpu-profile.ts'
import type { Figures } from '../report/figure.ts'
import type { BenchCase } from '../run/case.ts'

/** Where the time of a hop goes. */
export const stages: BenchCase = {
  name: 'stages',
  title:
    'where the time goes, per stage of the payment service: a batch at saturation and at half of it, and processor time',
  sizes: {
    'warm-up': { full: 20_000, quick: 200, what: 'hops before, for V8 to compile' },
    hops: { full: 20_000, quick: 200, what: 'hops at saturation, twice' },
    'warm-up-seconds': { full: 10, quick: 1, what: 'seconds at half the load before' },
    seconds: { full: 10, quick: 1, what: 'seconds at half the load' },
  },
  async run({ size, note, solo }) {
    const { rig, child, cast } = await solo()
    await pileUp(rig, child, cast, size('warm-up'))

    const cold = await readStages(child)
    const { perSecond } = await pileUp(rig, child, cast, size('hops'))
    const saturated = (await readStages(child)).since(cold)
    note(`saturated: ${perSecond.toFixed(0)} hops/s`)

    await rig.pace(perSecond / 2, size('warm-up-seconds'))
    await rig.done()
    const before = await readStages(child)
    await rig.pace(perSecond / 2, size('seconds'))
    await rig.done()
    const half = (await readStages(child)).since(before)

    await child.ask('profile')
    const { spent } = await pileUp(rig, child, cast, size('hops'))
    const use = (await child.ask('profiled')) as CpuUse
    const usPerHop = ((spent.get('payment') ?? 0) * 1_000) / size('hops')
    for (const { name, share } of use.top) note(`${(share * usPerHop).toFixed(1)} µs of a hop: ${name}`)
    return { ...stageFigures({ saturated, half }), ...cpuFigures(use, usPerHop) }
  },
}

function stageFigures(times: { readonly saturated: StageTimes; readonly half: StageTimes }): Figures {
  return Object.fromEntries(
    [...times.saturated.msPerBatch].flatMap(([stage, ms]) => [
      [`${stage} [ms a batch, saturated]`, { value: ms, unit: 'ms' as const }],
      [
        `${stage} [ms a batch, half load]`,
        { value: times.half.msPerBatch.get(stage) ?? 0, unit: 'ms' as const },
      ],
    ]),
  )
}

/** Where processes cannot be read, nothing is known of their processor time. */
function cpuFigures({ byPurpose }: CpuUse, usPerHop: number): Figures {
  if (usPerHop === 0) return {}
  return Object.fromEntries(
    [...purposeNames.map((name) => [name, byPurpose[name] ?? 0] as const), ['all', 1] as const].map(
      ([name, share]) => [`${name} [CPU of a hop]`, { value: share * usPerHop, unit: 'µs' as const }],
    ),
  )
}
