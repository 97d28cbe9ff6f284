import type { ChoreographyReport } from '@troupe/core'
import Table from 'cli-table3'
import { frameless } from '../draw/frameless.ts'
import type { Colors } from '../terminal/terminal.ts'

/** What is undone after which failure and by which events, as a table; and what stands. */
export function undoneTable({ undone, standing, flaws }: ChoreographyReport, colors: Colors): string {
  const table = new Table({
    ...frameless,
    head: ['what was done', 'and then', 'is undone by', 'which hears'].map((text) => colors.dim(text)),
  })
  for (const { step, failure, undo, way } of undone)
    table.push([step, failure, undo, way.length === 1 ? failure : `… ${way.slice(1).join(' → ')}`])
  for (const { reaction, failure } of standing)
    table.push([reaction, failure, colors.dim('(final: stands)'), ''])
  for (const { kind, at, event } of flaws) {
    if (kind === 'not-undone' || kind === 'no-undo') table.push([at, event, colors.red('✗ nobody'), ''])
  }
  return table
    .toString()
    .split('\n')
    .map((row) => row.trimEnd())
    .join('\n')
}

/** A line for each flaw and each loop, and one that counts them. */
export function flawLines({ undone, loops, flaws }: ChoreographyReport): readonly string[] {
  const count = flaws.length === 1 ? '1 flaw' : `${flaws.length} flaws`
  return [
    ...loops.map(
      (loop) =>
        `Note: ${loop.join(', ')} call each other; that their documents end it is for them to see to.`,
    ),
    ...flaws.map(({ kind, text }) => `✗ ${kind}: ${text}`),
    flaws.length === 0
      ? `Whatever fails, everything is undone: ${undone.length} ways back, no flaw.`
      : `${count} in the declarations.`,
  ]
}
