import { type Service, topologyOf } from '@troupe/core'

/**
 * What a service hears, does and says, as a Markdown table for its README: a test that looks for it
 * there keeps the README true.
 */
export function serviceTable(service: Service): string {
  const described = topologyOf([service]).services[0]
  if (!described) return ''
  const rows = [
    ...described.commands.map(({ name, says }) => ['(asked from outside)', `\`${name}\``, says.join(', ')]),
    ...described.reactions.map(({ name, form, hears, says, undoes }) => [
      hears.join(', '),
      `\`${name}\`${form === 'step' ? ', a step' : undoes === undefined ? '' : `, the undo of \`${undoes}\``}`,
      says.join(', ') || '(nothing)',
    ]),
  ]
  return aligned([['hears', 'does', 'says'], ...rows])
}

/** Columns padded to their widest cell, as formatters leave a Markdown table. */
function aligned([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((cells) => cells[column]?.length ?? 0)),
  )
  const rule = widths.map((width) => '-'.repeat(width))
  return [head, rule, ...rows]
    .map((cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
    .join('\n')
}
