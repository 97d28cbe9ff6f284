import Table from 'cli-table3'
import type { BenchDocument } from './document.ts'
import { type Figure, type Figures, meetsAim } from './figure.ts'

/** A document for people. */
export function tableOf({ machine, versions, cases, ratios, ...run }: BenchDocument): string {
  const { cpu, cores, memoryMiB, os, arch, loadBefore } = machine
  const lines = [
    `Troupe ${versions.troupe ?? 'of no known commit'}, ${run.date}, ${(run.durationMs / 1_000).toFixed(0)} s`,
    `${cpu}, ${cores} cores, ${(memoryMiB / 1_024).toFixed(0)} GiB, ${os} ${arch}; load before: ${loadBefore.toFixed(1)}`,
    `Node ${versions.node}, kafkajs ${versions.kafkajs}, PostgreSQL ${versions.postgresql} (fsync ${versions.fsync}, synchronous_commit ${versions.synchronousCommit})`,
  ]
  if (run.isQuick) lines.push('A fast pass: these numbers mean nothing.')
  for (const [name, { title, figures }] of Object.entries(cases))
    lines.push('', `${name}: ${title}`, rows(figures))
  if (Object.keys(ratios).length > 0) {
    lines.push('', 'ratios: Troupe divided by what it is held against', rows(ratios))
  }
  if (run.problems.length > 0) lines.push('', 'problems', ...run.problems.map((problem) => `  ${problem}`))
  return lines.join('\n')
}

/** A figure that is named `row [column]` stands in that column of its row; the others have a row each. */
const inColumn = /^(.*) \[(.*)\]$/

function rows(figures: Figures): string {
  const plain = tableWith(4)
  const columns = [...new Set(Object.keys(figures).flatMap((name) => inColumn.exec(name)?.[2] ?? []))]
  const inRows = new Map<string, Map<string, Figure>>()
  for (const [name, figure] of Object.entries(figures)) {
    const [, row, column] = inColumn.exec(name) ?? []
    if (row === undefined || column === undefined) {
      plain.push([name, text(figure), unitText(figure), aimText(figure)])
    } else inRows.set(row, (inRows.get(row) ?? new Map<string, Figure>()).set(column, figure))
  }
  const wide = tableWith(columns.length + 1)
  wide.push(['', ...columns])
  for (const [row, cells] of inRows) wide.push([row, ...columns.map((column) => cellText(cells.get(column)))])
  return [
    ...(inRows.size > 0 ? [wide.toString()] : []),
    ...(plain.length > 0 ? [plain.toString()] : []),
  ].join('\n')
}

function tableWith(columns: number) {
  return new Table({
    chars: { ...noLines },
    style: { head: [], border: [], compact: true, 'padding-left': 2, 'padding-right': 0 },
    colAligns: Array.from({ length: columns }, (_, at) =>
      at === 0 || (columns === 4 && at > 1) ? 'left' : 'right',
    ),
  })
}

function cellText(figure: Figure | undefined): string {
  return figure ? `${text(figure)} ${unitText(figure)} ${aimText(figure)}`.trimEnd() : ''
}

function aimText(figure: Figure): string {
  const { aim, unit } = figure
  if (!aim) return ''
  const [sign, value] = 'atLeast' in aim ? ['≥', aim.atLeast] : ['≤', aim.atMost]
  return `${meetsAim(figure) ? 'as aimed at' : 'MISSED'}: ${sign} ${text({ value, unit })}`
}

/** Three digits are as much as a benchmark knows. */
function text({ value, unit }: Figure): string {
  if (unit === 'share') return (value * 100).toFixed(1)
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}

function unitText({ unit }: Figure): string {
  if (unit === 'share') return '% of a core'
  return unit === 'ratio' ? '×' : unit
}

const noLines = Object.fromEntries(
  ['top', 'bottom', 'left', 'right']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat('mid', 'mid-mid', 'middle')
    .map((name) => [name, '']),
)
