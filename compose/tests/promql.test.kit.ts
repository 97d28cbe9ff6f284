import { parser } from '@prometheus-io/lezer-promql'

/** What an expression asks for. */
export interface Promql {
  readonly metrics: readonly string[]
  /** Labels that it selects or groups by. */
  readonly labels: readonly string[]
  /** The labels that its result is grouped by; undefined where it keeps all of them. */
  readonly groupedBy: readonly string[] | undefined
}

/** Reads PromQL with Prometheus' own grammar. Throws, saying where, on what Prometheus would not read. */
export function readPromql(expression: string): Promql {
  const metrics = new Set<string>()
  const labels = new Set<string>()
  const groups: string[][] = []
  parser.parse(expression).iterate({
    enter({ type, name, from, to }) {
      const text = expression.slice(from, to)
      if (type.isError) throw new Error(`no PromQL from "${expression.slice(from)}" on, in ${expression}`)
      if (name === 'Identifier') metrics.add(text)
      if (name === 'GroupingLabels') groups.push(text.slice(1, -1).split(/\s*,\s*/))
      if (name === 'LabelName') labels.add(text)
    },
  })
  return { metrics: [...metrics], labels: [...labels], groupedBy: groups[0] }
}
