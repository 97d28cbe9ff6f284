import type { Cast } from '../draw/cast.ts'
import type { LiveDrawing } from '../draw/live-drawing.ts'
import { sagaHeading } from '../draw/saga-lines.ts'
import { storyTitle, storyVerdict } from '../draw/story-lines.ts'
import type { OrderApi } from '../stories/order-api.ts'
import { playStory, type Stage, type StoryReport } from '../stories/play-story.ts'
import type { Story } from '../stories/stories.ts'
import type { Running } from './demo.ts'
import type { Played } from './demo-report.ts'

export interface Playing {
  readonly orders: OrderApi
  /** Undefined: nothing is drawn. */
  readonly drawing: LiveDrawing | undefined
  readonly cast: Cast
  readonly stories: readonly Story[]
}

/** Plays the stories, one after the other, drawing them while they go on. */
export async function playStories(
  { ecosystem, observer, signal, terminal }: Pick<Running, 'signal' | 'terminal'> & Omit<Stage, 'orders'>,
  { orders, drawing, cast, stories }: Playing,
): Promise<Played> {
  const { colors } = terminal
  const reports: StoryReport[] = []
  for (const [at, story] of stories.entries()) {
    if (drawing) {
      terminal.print(storyTitle(story, `${at + 1}/${stories.length}`, colors))
      if (at === 0) terminal.print(sagaHeading(cast, colors))
    }
    const report = await playStory(
      story,
      {
        ecosystem,
        observer,
        orders,
        ...(drawing ? { onAct: drawing.say, onPlaced: drawing.placed } : {}),
      },
      { signal },
    )
    drawing?.finish()
    if (drawing) terminal.print(storyVerdict(report, colors))
    reports.push(report)
  }
  return { stories: reports, firstSagaMs: reports[0]?.events.at(-1)?.ms ?? null }
}
