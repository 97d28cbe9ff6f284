import { allCases } from '../cases/all.ts'
import type { BenchDocument, CaseReport } from '../report/document.ts'
import { readMachine } from '../report/machine.ts'
import { ratiosOf } from '../report/ratios.ts'
import { readVersions } from '../report/versions.ts'
import { runCases, type RunOptions } from './run-cases.ts'

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
  const cases: Record<string, CaseReport> = {}
  const problems: string[] = []
  const wanted = allCases.filter(({ name }) => names.includes(name))
  // A fast pass shares one process, and with it one start of the services.
  const groups = isQuick ? [wanted] : wanted.map((one) => [one])
  for (const group of groups) {
    signal.throwIfAborted()
    note(`Measuring ${group.map(({ name }) => name).join(', ')} …`)
    const found = await runCases(
      group.map(({ name }) => name),
      options,
    )
    Object.assign(cases, found.cases)
    problems.push(...found.problems)
  }
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
