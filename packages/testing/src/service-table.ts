import { durationOf, type Service, type TopologyDeadline, topologyOf } from '@troupe/core'

/**
 * What a service hears, does and says, as a Markdown table for its README: a test that looks for it
 * there keeps the README true.
 */
export function serviceTable(service: Service): string {
  const described = topologyOf([service]).services[0]
  if (!described) return ''
  const rows = [
    ...described.commands.map(({ name, says, deadline }) => [
      '(asked from outside)',
      `\`${name}\``,
      saying(says, deadline),
    ]),
    ...described.reactions.map(({ name, form, hears, says, undoes, deadline }) => [
      hears.join(', '),
      `\`${name}\`${form === 'step' ? ', a step' : undoes === undefined ? '' : `, the undo of \`${undoes}\``}`,
      saying(says, deadline),
    ]),
    ...(described.awaits ? [[described.awaits.join(', '), '(is answered)', '(nothing)']] : []),
  ]
  return aligned([['hears', 'does', 'says'], ...rows])
}

function saying(says: readonly string[], deadline: TopologyDeadline | undefined): string {
  const late = deadline ? [`${deadline.says} after ${durationOf(deadline.afterMs)} without an answer`] : []
  return [...says, ...late].join(', ') || '(nothing)'
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
