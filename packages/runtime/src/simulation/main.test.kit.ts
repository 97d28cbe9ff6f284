// node packages/runtime/dist/simulation/main.test.kit.js --help
import { parseArgs } from 'node:util'
import { againOf, type Scenario, scenarios } from './scenarios.test.kit.ts'
import { type Run, simulate } from './simulate.test.kit.ts'

const help = `Runs the runtime on a model of the world, seed by seed, until a check fails.

  --row N           only the scenario of this row of "what can go wrong"; may be repeated, and the order counts
  --seed N          the first seed (default 1)
  --seeds N         how many of each scenario (default 100)
  --bail            end with the first scenario that fails
  --trace           print what happens, line by line
  --json            print one line of JSON for each scenario
`

const { values } = parseArgs({
  options: {
    row: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    bail: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  if (values.help) return say(help)
  const first = Number(values.seed)
  const asked = values.row.flatMap((asked) => scenarios.filter(({ row }) => String(row) === asked))
  const chosen = values.row.length === 0 ? scenarios : asked
  if (chosen.length === 0) throw new Error(`There is no scenario for row ${values.row.join(' or ')}.`)
  for (const scenario of chosen) {
    const { name, row, faults } = scenario
    const beganMs = performance.now()
    const sums = { events: 0, duplicates: 0, virtualMs: 0 }
    let failed: Run | undefined
    let seeds = 0
    for (let seed = first; seed < first + Number(values.seeds) && !failed; seed++) {
      const run = await simulate(seed, faults, values.trace ? say : undefined)
      seeds++
      for (const fact of Object.keys(sums) as (keyof typeof sums)[]) sums[fact] += run.facts[fact]
      if (run.violations.length > 0) failed = run
    }
    const tookMs = Math.round(performance.now() - beganMs)
    if (values.json) say(JSON.stringify({ row, name, seeds, tookMs, failed: failed ?? null }))
    else say(`${failed ? 'NOT OK' : 'ok'} ${name}: ${seeds} seeds in ${tookMs} ms, ${JSON.stringify(sums)}`)
    if (!failed) continue
    process.exitCode = 1
    if (!values.json) tell(scenario, failed)
    if (values.bail) return
  }
}

function tell(scenario: Scenario, { seed, violations }: Pick<Run, 'seed' | 'violations'>): void {
  say(JSON.stringify(violations, undefined, 2))
  say(`Again: ${againOf(scenario, seed)}`)
}

await main()
