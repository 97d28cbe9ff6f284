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
  if (isQuick) results.push(...(await Promise.all(halvesOf(wanted).map(run))))
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

/** For a fast pass, whose numbers mean nothing: two processes beside each other, each with one start of the services at most. */
function halvesOf(names: readonly string[]): readonly (readonly string[])[] {
  const middle = Math.ceil(names.length / 2)
  return [names.slice(0, middle), names.slice(middle)].filter((half) => half.length > 0)
}
