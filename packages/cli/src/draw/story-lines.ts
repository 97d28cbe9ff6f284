import type { StoryReport } from '../stories/play-story.ts'
import type { Story } from '../stories/stories.ts'
import type { Colors } from '../terminal/terminal.ts'

/** The title over a story. */
export function storyTitle({ name, about }: Story, place: string, colors: Colors): string {
  return `\n${colors.dim(place)} ${colors.bold(name)}  ${colors.dim(about)}`
}

/** How a story ended: as it should, or what was otherwise. */
export function storyVerdict({ ok, outcome, sagas, problems }: StoryReport, colors: Colors): string {
  if (!ok) {
    const lines = problems.map((problem) => `         ${colors.red(problem)}`)
    return [`      ${colors.red('✗ ended otherwise than it should:')}`, ...lines].join('\n')
  }
  const events = sagas.reduce((sum, saga) => sum + saga.events.length, 0)
  const what = sagas.length === 1 ? outcome : `${sagas.length} sagas ${outcome}`
  return `      ${colors.green(`✓ ${what}`)} ${colors.dim(`as it should be, ${events} events seen, none missing, none twice`)}`
}
