// What goes wrong in a simulation, and how often.

/** Chances, each of one call, unless it says otherwise. */
export interface Faults {
  /** It fails, and nothing was done. */
  readonly failsBefore: number
  /** It is done, and the caller sees a failure. */
  readonly failsAfter: number
  /** The caller sees a failure, and it is done later. */
  readonly failsAndComesLater: number
  /** The process dies: before the call had its effect, or after. */
  readonly crashes: number
  /** Of one settlement: a deadlock or a serialization failure. */
  readonly races: number
  /** Of one call to the outside. */
  readonly outsideFails: number
  /** Of one call to the outside: it is carried out, and nobody hears of it. */
  readonly outsideLost: number
  /** Milliseconds for which nobody answers calls to the outside, in one go. */
  readonly outsideAwayMs: number
  /** Of one batch: it is handed over once more, from an earlier offset. */
  readonly redelivers: number
  /** Per second: a partition gets another owner; the old one is told at once, later, or not at all. */
  readonly moves: number
  /** Per second: a process is stopped, loses its partitions, and goes on. */
  readonly stalls: number
  /** Per second: a process is stopped as it should be, and another one comes. */
  readonly restarts: number
  /** Per second: the topic that comes in is deleted and made again, once all that it holds has been read. */
  readonly remakes: number
  /** Per second: a clock jumps by up to an hour, in either direction. */
  readonly clockJumps: number
  /** Of one input: it comes again, at another offset. */
  readonly repeats: number
  /** Of one input: nobody can handle it. */
  readonly poison: number
  /** Of one input: its reaction throws for a while, and then no more. */
  readonly stumbles: number
  /** Milliseconds for which the broker is away in one go. */
  readonly brokerAwayMs: number
  /** Retention: the inbox forgets at once. */
  readonly forgetsInbox: boolean
  /** Where they are not wanted: instances of the bank. */
  readonly banks: number
}

export const noFaults: Faults = {
  failsBefore: 0,
  failsAfter: 0,
  failsAndComesLater: 0,
  crashes: 0,
  races: 0,
  outsideFails: 0,
  outsideLost: 0,
  outsideAwayMs: 0,
  redelivers: 0,
  moves: 0,
  stalls: 0,
  restarts: 0,
  remakes: 0,
  clockJumps: 0,
  repeats: 0,
  poison: 0,
  stumbles: 0,
  brokerAwayMs: 0,
  forgetsInbox: false,
  banks: 2,
}

/** For how long things go wrong. Afterwards all must be put right without a hand. */
export const faultsEndMs = 2_000
