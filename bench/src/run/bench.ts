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
  if (isQuick) results.push(...(await sideBySide(groupsOf(wanted), run)))
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

/** They share a stage, or a service alone, and so a process. */
const companies: readonly (readonly string[])[] = [
  ['first-saga', 'idle-cpu', 'memory', 'saga-latency', 'throughput'],
  ['hops', 'stages'],
]

function groupsOf(names: readonly string[]): readonly (readonly string[])[] {
  const companyOf = (name: string) => companies.find((company) => company.includes(name)) ?? [name]
  const groups = new Set(names.map(companyOf).map((company) => company.join(' ')))
  return [...groups].map((group) => group.split(' ').filter((name) => names.includes(name)))
}

/** For a fast pass, whose numbers mean nothing: two processes beside each other, until there is no group left. */
async function sideBySide(
  groups: readonly (readonly string[])[],
  run: (group: readonly string[]) => Promise<RunResult>,
): Promise<readonly RunResult[]> {
  const results: RunResult[] = []
  const waiting = groups.entries()
  const runner = async () => {
    for (const [index, group] of waiting) results[index] = await run(group)
  }
  await Promise.all([runner(), runner()])
  return results
}
