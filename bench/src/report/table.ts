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

function rows(figures: Figures): string {
  const table = new Table({
    chars: { ...noLines },
    style: { head: [], border: [], compact: true, 'padding-left': 2, 'padding-right': 0 },
    colAligns: ['left', 'right', 'left', 'left'],
  })
  for (const [name, figure] of Object.entries(figures))
    table.push([name, text(figure), unitText(figure), aimText(figure)])
  return table.toString()
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
