// pnpm mutants: plants one bug after the other and sees whether a test notices.
import { availableParallelism } from 'node:os'
import Table from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import type { Mutant, Proof } from './mutant.ts'
import { mutants } from './mutants.ts'
import { tryMutant, type Verdict } from './try-mutant.ts'

interface Options {
  readonly only?: readonly string[]
  readonly quick?: boolean
  readonly seeds: number
  readonly json?: boolean
}

interface Line extends Verdict {
  readonly name: string
  readonly row: number | undefined
  readonly planted: string
}

const timeoutMs = 180_000
const nothing = 'no bug'

const program = new Command('pnpm mutants')
  .description(
    'Plants one bug after the other and sees whether a test notices. Fails if one survives, or if the tests fail without any.',
  )
  .option('--only <names...>', 'only bugs with one of these in their names')
  .option('--quick', 'only bugs that the simulation has to notice')
  .option('--seeds <count>', 'how many lives of each scenario to try', wholeNumber, 60)
  .option('--json', 'print the table as JSON')
  .parse()

process.exitCode = await main(program.opts<Options>())

async function main({ only = [], quick = false, seeds, json = false }: Options): Promise<number> {
  const chosen = mutants.filter(
    ({ name, proof }) =>
      (only.length === 0 || only.some((part) => name.includes(part))) && (!quick || 'rows' in proof),
  )
  if (chosen.length === 0) {
    process.stderr.write(`No planted bug has ${only.join(' or ')} in its name.\n`)
    return 2
  }
  const tries = [
    ...soundness(chosen).map((proof) => ({ mutant: undefined, proof })),
    ...chosen.map((mutant) => ({ mutant, proof: mutant.proof })),
  ]
  const lines = await inTurns(tries, async ({ mutant, proof }) => {
    const line = lineOf(mutant, proof, await tryMutant(mutant, proof, { seeds, timeoutMs }))
    if (!json) process.stderr.write(`${line.name}: ${line.outcome} in ${line.tookMs} ms\n`)
    return line
  })
  process.stdout.write(json ? `${JSON.stringify(lines, undefined, 2)}\n` : `${tableOf(lines)}\n`)
  const wrong = lines.filter(({ name, outcome }) => outcome !== (name === nothing ? 'survived' : 'caught'))
  for (const { name, outcome, by } of wrong) process.stderr.write(`${name}: ${outcome}: ${by}\n`)
  return wrong.length === 0 ? 0 : 1
}

/** A process for each core, and the results in the order of what they came from. */
async function inTurns<From, To>(all: readonly From[], work: (one: From) => Promise<To>): Promise<To[]> {
  const results: To[] = []
  let next = 0
  const workers = Array.from({ length: Math.min(availableParallelism(), all.length) }, async () => {
    for (let at = next++; at < all.length; at = next++) results[at] = await work(all[at] as From)
  })
  await Promise.all(workers)
  return results
}

/** Every test that is to notice a bug must pass where there is none, or what it notices means nothing. */
function soundness(chosen: readonly Mutant[]): readonly Proof[] {
  const rows = new Set(chosen.flatMap(({ proof }) => ('rows' in proof ? proof.rows : [])))
  const tests = new Map(chosen.flatMap(({ proof }) => ('tests' in proof ? [[proof.tests, proof]] : [])))
  // Each scenario by itself: all of them in one process would take longer than a proof may.
  return [...[...rows].map((row) => ({ rows: [row] })), ...tests.values()]
}

function lineOf(mutant: Mutant | undefined, proof: Proof, verdict: Verdict): Line {
  if (mutant) return { name: mutant.name, row: mutant.row, planted: mutant.planted, ...verdict }
  const by = verdict.outcome === 'survived' && 'rows' in proof ? `${verdict.by} passes` : verdict.by
  return { name: nothing, row: undefined, planted: 'the code as it is', ...verdict, by }
}

function tableOf(lines: readonly Line[]): string {
  const table = new Table({
    head: ['row', 'planted', 'outcome', 'by', 'lives'],
    colWidths: [5, 44, 10, 60, 7],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  for (const { row, name, planted, outcome, by, seeds } of lines) {
    table.push([row ?? '', `${name}: ${planted}`, outcome, by, seeds ?? ''])
  }
  return table.toString()
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a whole number from 1 on.')
}
