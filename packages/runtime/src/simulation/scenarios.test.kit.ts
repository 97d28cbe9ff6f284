import { type Faults, noFaults } from './faults.test.kit.ts'

/** One way in which things go wrong, named for the row of "what can go wrong" that it stands for. */
export interface Scenario {
  readonly row: number
  readonly name: string
  readonly faults: Faults
}

const scenario = (row: number, name: string, faults: Partial<Faults>): Scenario => ({
  row,
  name: `failure ${row}: ${name}`,
  faults: { ...noFaults, ...faults },
})

export const scenarios: readonly Scenario[] = [
  scenario(1, 'a process that dies anywhere loses nothing, and does nothing twice', { crashes: 0.01 }),
  scenario(2, 'a process that dies while it settles has settled all of it or nothing', {
    crashes: 0.02,
    failsBefore: 0.05,
  }),
  scenario(3, 'a commit whose answer is lost is neither lost nor done twice', {
    failsAfter: 0.1,
    failsAndComesLater: 0.05,
  }),
  scenario(4, 'what was committed and not published is published first', {
    crashes: 0.01,
    brokerAwayMs: 300,
  }),
  scenario(6, 'a publish that is carried out in part is carried out in order', {
    failsBefore: 0.1,
    failsAfter: 0.1,
    brokerAwayMs: 200,
  }),
  scenario(7, 'an offset that comes again is skipped by the position', { redelivers: 0.5 }),
  scenario(8, 'an event id that comes again at another offset is skipped by the inbox', { repeats: 0.5 }),
  scenario(9, 'an offset that comes again is skipped although the inbox has forgotten it', {
    forgetsInbox: true,
    redelivers: 0.5,
    moves: 3,
    failsAfter: 0.05,
  }),
  scenario(10, 'an undo that comes first bars its step, and step and undo at one time end one way', {
    races: 0.05,
    moves: 1,
  }),
  scenario(
    11,
    'what a call has done whose answer is lost is undone, whether its undo comes before, during or after',
    {
      outsideLost: 0.6,
      outsideFails: 0.1,
      outsideAwayMs: 100,
      races: 0.05,
      redelivers: 0.1,
      repeats: 0.1,
      failsBefore: 0.03,
      failsAfter: 0.03,
      failsAndComesLater: 0.02,
    },
  ),
  scenario(12, 'an undo that throws is tried until it works, whoever dies', {
    stumbles: 0.5,
    crashes: 0.003,
    moves: 1,
  }),
  scenario(13, 'a participant that stays silent meets its deadline once, whoever dies or is restarted', {
    crashes: 0.01,
    restarts: 2,
    moves: 2,
    failsAfter: 0.05,
    failsBefore: 0.02,
    brokerAwayMs: 200,
  }),
  scenario(14, 'a process that slept through the loss of its partitions writes nothing', { stalls: 4 }),
  scenario(15, 'a call that nobody answers waits with its key alone, and is made when somebody does', {
    outsideAwayMs: 1_000,
    outsideFails: 0.1,
    poison: 0.1,
    crashes: 0.003,
    moves: 1,
  }),
  scenario(17, 'what cannot be handled is a dead letter, whoever dies', {
    poison: 0.2,
    stumbles: 0.2,
    crashes: 0.01,
  }),
  scenario(22, 'deadlocks and serialization failures are decided again', { races: 0.3 }),
  scenario(23, 'a broker that is away for a while misses nothing', { brokerAwayMs: 1_000 }),
  scenario(24, 'acknowledgements that are lost make duplicates, and nothing else', { failsAfter: 0.2 }),
  scenario(25, 'of a batch with a bad event all others are settled, and each key in order', {
    poison: 0.2,
    stumbles: 0.3,
    outsideFails: 0.3,
  }),
  scenario(26, 'partitions that move under load are in one hand at a time', { moves: 10 }),
  scenario(
    28,
    'what is parked of a topic that is made again goes before what comes in its place, and is no part of it',
    {
      remakes: 8,
      stumbles: 0.5,
      poison: 0.2,
      outsideFails: 0.3,
      redelivers: 0.1,
      failsBefore: 0.02,
      failsAfter: 0.05,
      crashes: 0.003,
      moves: 2,
      stalls: 0.5,
    },
  ),
  scenario(31, 'clocks that jump by an hour decide nothing, and no deadline is early or late', {
    clockJumps: 10,
    moves: 1,
    crashes: 0.003,
  }),
  scenario(32, 'a process that is asked to stop leaves nothing undone', { restarts: 4 }),
  scenario(33, 'everything at once', {
    failsBefore: 0.02,
    failsAfter: 0.02,
    failsAndComesLater: 0.01,
    crashes: 0.003,
    races: 0.05,
    outsideFails: 0.1,
    outsideLost: 0.1,
    outsideAwayMs: 200,
    redelivers: 0.1,
    moves: 1,
    stalls: 1,
    restarts: 0.5,
    clockJumps: 1,
    repeats: 0.1,
    poison: 0.05,
    stumbles: 0.05,
    brokerAwayMs: 200,
  }),
]

/** How to see one life again, line by line. */
export function againOf({ row }: Scenario, seed: number): string {
  return `node packages/runtime/dist/simulation/main.test.kit.js --row ${row} --seed ${seed} --seeds 1 --trace`
}
