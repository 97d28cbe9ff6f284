import { randomUUID } from 'node:crypto'
import { v7 } from 'uuid'
import { addHistory, checkpoint, writtenAheadKiB } from '../hops/history-rows.ts'
import { type PileUp, pileUp } from '../hops/measure.ts'
import { openSolo, type Solo } from '../hops/solo.ts'
import { readStages, type StageTimes } from '../hops/stage-times.ts'
import { troupePayment } from '../hops/troupe.ts'
import { type Aim, type Figures, medianOf, type Unit } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'

/** Whether an event costs the same however much a service remembers. */
export const history: BenchCase = {
  name: 'history',
  title: 'the payment service with a young ledger and with 1,000,000 rows of history, in turns',
  sizes: {
    rows: { full: 1_000_000, quick: 2_000, what: 'rows of history, in inbox, documents and steps each' },
    'warm-up': { full: 20_000, quick: 200, what: 'hops before, for V8 to compile' },
    hops: { full: 20_000, quick: 200, what: 'hops in each round' },
    rounds: { full: 3, quick: 1, what: 'rounds of each' },
    random: { full: 0, quick: 0, what: '1: ids and keys are random, as those that others make may be' },
  },
  async run(scene) {
    const { size, note, problem } = scene
    const sides: Solo[] = []
    try {
      // A stack each: pages in memory, checkpoints and processor time are of one side alone.
      const opened = await Promise.allSettled([openWarm(scene), openWarm(scene)])
      sides.push(...opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])))
      const failed = opened.find((one) => one.status === 'rejected')
      if (failed) throw failed.reason
      const [young, old] = sides as [Solo, Solo]
      await addHistory(old.adminUrl, { ...scene, rows: size('rows'), newId: idsOf(scene) })
      for (const { adminUrl } of sides) await checkpoint(adminUrl)
      const rounds: Record<Age, Round[]> = { young: [], old: [] }
      for (let round = 1; round <= size('rounds'); round += 1) {
        const first = await playRound(young, size('hops'))
        const second = await playRound(old, size('hops'))
        rounds.young.push(first)
        rounds.old.push(second)
        note(
          `round ${round}/${size('rounds')}: ${first.perSecond.toFixed(0)} and ${second.perSecond.toFixed(0)} hops/s`,
        )
      }
      const strays = young.rig.strays() + old.rig.strays()
      if (strays > 0) problem(`${strays} answers came twice, or to orders that nobody sent`)
      return figuresOf(rounds, size('hops'))
    } finally {
      await Promise.all(sides.map((side) => side.close()))
    }
  },
}

type Age = 'young' | 'old'

/** As Troupe derives them, or random. */
function idsOf({ size }: Scene): (atMs?: number) => string {
  return size('random') === 1 ? () => randomUUID() : (atMs) => v7(atMs === undefined ? {} : { msecs: atMs })
}

async function openWarm(scene: Scene): Promise<Solo> {
  const { signal, isQuick, size } = scene
  const solo = await openSolo(troupePayment, { signal, isQuick, newId: idsOf(scene) })
  try {
    await pileUp(solo.rig, solo.child, solo.cast, size('warm-up'))
    return solo
  } catch (error) {
    await solo.close()
    throw error
  }
}

interface Round extends PileUp {
  readonly stages: StageTimes
  readonly writtenAheadKiB: number
}

async function playRound({ rig, child, cast, adminUrl }: Solo, hops: number): Promise<Round> {
  const [stages, kib] = [await readStages(child), await writtenAheadKiB(adminUrl)]
  const pile = await pileUp(rig, child, cast, hops)
  return {
    ...pile,
    stages: (await readStages(child)).since(stages),
    writtenAheadKiB: (await writtenAheadKiB(adminUrl)) - kib,
  }
}

const flat: Aim = { atMost: 1.1 }

function figuresOf(rounds: Readonly<Record<Age, readonly Round[]>>, hops: number): Figures {
  const figures: Record<string, Figures[string]> = {}
  const compare = (name: string, unit: Unit, of: (round: Round) => number, aim?: Aim) => {
    const [young, old] = [medianOf(rounds.young.map(of)), medianOf(rounds.old.map(of))]
    if (!Number.isFinite(young)) return
    figures[`${name} [young]`] = { value: young, unit }
    figures[`${name} [old]`] = { value: old, unit }
    // What took no measurable time is compared with nothing.
    if (young > 0)
      figures[`${name} [old / young]`] = { value: old / young, unit: 'ratio', ...(aim ? { aim } : {}) }
  }
  compare('hops a second', 'hops/s', ({ perSecond }) => perSecond, { atLeast: 0.9 })
  for (const name of ['payment', 'postgresql'])
    compare(`${name} CPU per hop`, 'ms', ({ spent }) => (spent.get(name) ?? Number.NaN) / hops, flat)
  for (const stage of ['recall', 'settle'])
    compare(`${stage} a batch`, 'ms', ({ stages }) => stages.msPerBatch.get(stage) ?? 0, flat)
  compare('write-ahead log per hop', 'KiB', (round) => round.writtenAheadKiB / hops, flat)
  return figures
}
