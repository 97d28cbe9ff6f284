/** What a figure counts. Times are milliseconds, or seconds where they are long; memory is MiB, a share is of one core. */
export type Unit =
  | 'ms'
  | 's'
  | 'sagas/s'
  | 'hops/s'
  | 'events/s'
  | 'MiB'
  | 'KiB'
  | 'share'
  | 'sagas'
  | 'attempts'
  | 'µs'
  | 'ratio'

/** One number, and what it counts. */
export interface Figure {
  readonly value: number
  readonly unit: Unit
  /** What it should be, on the machine that the aims were set for: two cores, with everything on them. */
  readonly aim?: Aim
}

/** In the figure's unit. */
export type Aim = { readonly atLeast: number } | { readonly atMost: number }

/** Whether a figure is what it should be; undefined where nothing is aimed at. */
export function meetsAim({ value, aim }: Figure): boolean | undefined {
  if (!aim) return undefined
  return 'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost
}

/** What a case found out, by name, in the order in which it is shown. */
export type Figures = Readonly<Record<string, Figure>>

/** The middle one, or the mean of the two in the middle; NaN of nothing. */
export function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).toSorted()
  const middle = sorted.length / 2
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}
