import { allCases } from '../cases/all.ts'
import type { BenchDocument, CaseReport } from '../report/document.ts'
import { readMachine } from '../report/machine.ts'
import { ratiosOf } from '../report/ratios.ts'
import { readVersions } from '../report/versions.ts'
import { runCases, type RunOptions, type RunResult } from './run-cases.ts'

/**
 * Measures these cases.
 *
 * @throws the signal's reason. A case that fails is a problem in the document; the others are measured.
 */
export async function bench(names: readonly string[], options: RunOptions): Promise<BenchDocument> {
  const { isQuick, signal, note } = options
  const date = new Date().toISOString()
  const sinceMs = performance.now()
  const machine = readMachine()
  note('Asking for versions …')
  const versions = await readVersions()
  const wanted = allCases.map(({ name }) => name).filter((name) => names.includes(name))
  const run = (group: readonly string[]): Promise<RunResult> => {
    signal.throwIfAborted()
    note(`Measuring ${group.join(', ')} …`)
    return runCases(group, options)
  }
  const results: RunResult[] = []
  if (isQuick) results.push(...(await Promise.all(partsOf(wanted).map(run))))
  else for (const name of wanted) results.push(await run([name]))
  const cases: Record<string, CaseReport> = Object.assign({}, ...results.map((result) => result.cases))
  const problems = results.flatMap((result) => result.problems)
  return {
    ok: problems.length === 0,
    date,
    isQuick,
    durationMs: Math.round(performance.now() - sinceMs),
    machine,
    versions,
    cases,
    ratios: ratiosOf(cases),
    problems,
  }
}

/** Where a fast pass is cut in two, so that both parts take about as long. */
const secondPartAt = 'records'

/** For a fast pass, whose numbers mean nothing: two processes beside each other. What shares a stage, or a service alone, is in one. */
function partsOf(names: readonly string[]): readonly (readonly string[])[] {
  const order = allCases.map(({ name }) => name)
  const isSecond = (name: string) => order.indexOf(name) >= order.indexOf(secondPartAt)
  return [names.filter((name) => !isSecond(name)), names.filter(isSecond)].filter(({ length }) => length > 0)
}
