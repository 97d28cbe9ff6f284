// Reads memory and processor time of processes from /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** What a process, or several together, used. */
export interface Reading {
  /** Processor time since its start. */
  readonly cpuMs: number
  /** Resident memory. */
  readonly memoryMiB: number
}

// What Linux tells user space is in hundredths of a second on every architecture that Node runs on.
const msPerTick = 10

/** False where there is no /proc: nothing can be read then. */
export const canReadProcesses = process.platform === 'linux'

/** One process and its resident set. @throws if there is no such process */
export function readProcess(pid: number): Reading {
  return { cpuMs: statOf(pid).ownCpuMs, memoryMiB: kibOf(`/proc/${pid}/status`, 'VmRSS') / 1024 }
}

/** The most that a process has held resident since it started. @throws if there is no such process */
export function readPeakMemoryMiB(pid: number): number {
  return kibOf(`/proc/${pid}/status`, 'VmHWM') / 1024
}

/**
 * A process with its children, whose pages are shared: each page counts once (the proportional set size).
 * Time of children that have ended counts too. @throws if there is no such process
 */
export function readFamily(pid: number): Reading {
  const members = [pid, ...childrenOf(pid)]
  let cpuMs = statOf(pid).endedChildrenCpuMs
  let memoryMiB = 0
  for (const member of members) {
    try {
      cpuMs += statOf(member).ownCpuMs
      memoryMiB += kibOf(`/proc/${member}/smaps_rollup`, 'Pss') / 1024
    } catch (error) {
      // A child may end between the listing and the reading; the parent may not.
      if (member === pid) throw error
    }
  }
  return { cpuMs, memoryMiB }
}

interface Stat {
  readonly parent: number
  readonly ownCpuMs: number
  readonly endedChildrenCpuMs: number
}

/** proc_pid_stat(5): what follows the name, which may hold blanks and brackets. */
function statOf(pid: number): Stat {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = (at: number) => Number(fields[at])
  return {
    parent: ticks(1),
    ownCpuMs: (ticks(11) + ticks(12)) * msPerTick,
    endedChildrenCpuMs: (ticks(13) + ticks(14)) * msPerTick,
  }
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => {
      try {
        return statOf(candidate).parent === pid
      } catch {
        return false
      }
    })
}

function kibOf(file: string, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'utf8'))?.[1]
  if (kib === undefined) throw new Error(`${file} says nothing of ${name}.`)
  return Number(kib)
}
