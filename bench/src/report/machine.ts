import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

/** Where a run took place. */
export interface Machine {
  readonly cpu: string
  /** How many cores this process may use. */
  readonly cores: number
  readonly memoryMiB: number
  readonly os: string
  readonly arch: string
  /** Load average of the last minute when the run began: what else was going on. 0 where there is none. */
  readonly loadBefore: number
}

/** The machine that this process runs on. */
export function readMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    os: `${type()} ${release()}`,
    arch: process.arch,
    loadBefore: loadavg()[0] ?? 0,
  }
}
