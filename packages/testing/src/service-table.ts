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
  return [['hears', 'does', 'says'], ['---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}
