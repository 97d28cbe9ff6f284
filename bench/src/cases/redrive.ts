import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type FaultySolo, openFaulty, untilCounted } from '../hops/faulty.ts'
import { type Figures, medianOf } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'

/** How fast an operator gets rid of many dead letters. */
export const redrive: BenchCase = {
  name: 'redrive',
  title: 'dead letters redriven by `troupe dlq redrive`, from its start until the last is applied',
  sizes: {
    'warm-up': { full: 20_000, quick: 200, what: 'hops before, for V8 to compile' },
    letters: { full: 10_000, quick: 100, what: 'dead letters in each round' },
    rounds: { full: 3, quick: 1, what: 'rounds' },
  },
  async run(scene) {
    const { size, note, problem } = scene
    const token = randomUUID()
    const solo = await openFaulty(scene, { TROUPE_RETRY_ATTEMPTS: '1', TROUPE_ADMIN_TOKEN: token })
    try {
      const admin = String(await solo.child.ask('admin'))
      const rounds: Round[] = []
      for (let round = 1; round <= size('rounds'); round += 1) {
        rounds.push(await redriveAll(solo, scene, { TROUPE_ADMIN_URL: admin, TROUPE_ADMIN_TOKEN: token }))
        note(`round ${round}/${size('rounds')}: ${rounds.at(-1)?.perSecond.toFixed(0)} events/s`)
      }
      if (solo.rig.strays() > 0)
        problem(`${solo.rig.strays()} answers came twice, or to orders that nobody sent`)
      return figuresOf(rounds)
    } finally {
      await solo.close()
    }
  },
}

interface Round {
  /** From the start of the command, Node's included. */
  readonly seconds: number
  readonly perSecond: number
  /** From its start until it had asked for the last one. */
  readonly commandSeconds: number
}

async function redriveAll(
  solo: FaultySolo,
  { size, signal }: Scene,
  environment: Readonly<Record<string, string>>,
): Promise<Round> {
  const { client, rig, child } = solo
  const letters = size('letters')
  await solo.break()
  await Promise.race([solo.feedFaulty(letters, letters / 2), child.failed])
  await untilCounted(client, `SELECT count(*) FROM troupe.dead_letter WHERE state = 'open'`, letters, signal)
  await solo.mend()
  const sinceMs = performance.now()
  await troupe(['dlq', 'redrive', '--all', '--reason', 'mended', '--json'], environment)
  const commandSeconds = (performance.now() - sinceMs) / 1_000
  await Promise.race([rig.done(), child.failed])
  const seconds = (rig.lastSeenAtMs() - sinceMs) / 1_000
  await untilCounted(client, 'SELECT count(*) FROM troupe.parked_key', 0, signal)
  return { seconds, perSecond: letters / seconds, commandSeconds }
}

async function troupe(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve('@troupe/cli/package.json')
  const main = join(dirname(manifest), 'bin', 'troupe.js')
  const command = spawn(process.execPath, [main, ...words], {
    stdio: ['ignore', 'ignore', 2],
    env: { ...process.env, ...environment },
  })
  const [code] = (await once(command, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`troupe ${words.join(' ')} ended with exit code ${code}.`)
}

function figuresOf(rounds: readonly Round[]): Figures {
  const middle = (of: (round: Round) => number) => medianOf(rounds.map(of))
  return {
    'redriven and applied': {
      value: middle(({ perSecond }) => perSecond),
      unit: 'events/s',
      aim: { atLeast: 2_000 },
    },
    'from the start of the command to the last answer': {
      value: middle(({ seconds }) => seconds),
      unit: 's',
    },
    'of that, the command itself': { value: middle(({ commandSeconds }) => commandSeconds), unit: 's' },
  }
}
