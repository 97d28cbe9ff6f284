import type { Ecosystem } from '@troupe/cli'
import type { Figure, Unit } from '../report/figure.ts'
import { canReadProcesses, type Reading, readFamily, readProcess } from './reading.ts'

/** How each process is read, by its name. Empty where processes cannot be read. */
export type Cast = ReadonlyMap<string, () => Reading>

/** This process, which is the broker, the registry and whoever places the orders; and others by their pids. */
export function castOf(pids: Readonly<Record<string, number | undefined>>, postgresPid?: number): Cast {
  if (!canReadProcesses) return new Map()
  const cast = new Map([['stack', () => readProcess(process.pid)]])
  for (const [name, pid] of Object.entries(pids)) {
    if (pid !== undefined) cast.set(name, () => readProcess(pid))
  }
  if (postgresPid !== undefined) cast.set('postgresql', () => readFamily(postgresPid))
  return cast
}

/** Every process of an ecosystem. */
export function ecosystemCast({ services, gateway, stack }: Ecosystem): Cast {
  const pids = Object.fromEntries([...services].map(([name, { pid }]) => [name, pid]))
  return castOf({ ...pids, gateway: gateway?.pid }, stack.postgres.pid)
}

export type Readings = ReadonlyMap<string, Reading>

export function readAll(cast: Cast): Readings {
  return new Map([...cast].map(([name, read]) => [name, read()]))
}

/** Resident memory of each process and of all together. */
export function memoryFigures(readings: Readings, suffix: string): Record<string, Figure> {
  return perProcess(
    [...readings].map(([name, { memoryMiB }]) => [name, memoryMiB] as const),
    suffix,
    'MiB',
  )
}

/** Processor time in milliseconds, by process. */
export type Spent = ReadonlyMap<string, number>

/** What each process used between two readings. */
export function spentBetween(before: Readings, after: Readings): Spent {
  return new Map([...after].map(([name, { cpuMs }]) => [name, cpuMs - (before.get(name)?.cpuMs ?? 0)]))
}

export function sumOf(spans: readonly Spent[]): Spent {
  const sum = new Map<string, number>()
  for (const span of spans) for (const [name, ms] of span) sum.set(name, (sum.get(name) ?? 0) + ms)
  return sum
}

/** Processor time of each process, divided by `by`, and of all together. */
export function cpuFigures(
  spent: Spent,
  { by, suffix, unit }: { readonly by: number; readonly suffix: string; readonly unit: Unit },
): Record<string, Figure> {
  return perProcess(
    [...spent].map(([name, ms]) => [name, ms / by] as const),
    suffix,
    unit,
  )
}

function perProcess(
  values: readonly (readonly [string, number])[],
  suffix: string,
  unit: Unit,
): Record<string, Figure> {
  if (values.length === 0) return {}
  const total = values.reduce((sum, [, value]) => sum + value, 0)
  return Object.fromEntries(
    [...values, ['all', total] as const].map(([name, value]) => [`${name} ${suffix}`, { value, unit }]),
  )
}
