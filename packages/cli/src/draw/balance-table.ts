import Table from 'cli-table3'
import type { Balance, BalanceLine } from '../observe/balance.ts'
import type { Colors } from '../terminal/terminal.ts'
import { frameless } from './frameless.ts'

/** The balance as a small table: what the events add up to, beside what the services' own books say. */
export function balanceTable({ lines }: Balance, colors: Colors): string {
  const table = new Table({
    ...frameless,
    head: ['', 'events', 'books', 'whose books', ''].map((text) => colors.dim(text)),
    colAligns: ['left', 'right', 'right', 'left', 'left'],
  })
  for (const line of lines) {
    table.push([
      line.name,
      amount(line.events, line),
      line.ok ? amount(line.books, line) : colors.red(amount(line.books, line)),
      colors.dim(line.by),
      line.ok ? colors.green('✓') : colors.red(`✗ ${amount(line.books - line.events, line)}`),
    ])
  }
  return table
    .toString()
    .split('\n')
    .map((row) => row.trimEnd())
    .join('\n')
}

/** A number as people read it: money in units of its currency. */
function amount(value: number, { unit, currency = '' }: BalanceLine): string {
  if (unit !== 'cents') return value.toLocaleString('en-US')
  const text = (value / 100).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
  return `${text} ${currency}`
}
