import { type AnyEventType, type DataOf, type Event, type EventOf, TroupeError } from '@troupe/core'
import { inspect } from 'node:util'
import type { HarnessLog } from './harness-log.ts'
import { matches, type Part } from './match.ts'
import { describe, type Recorder } from './recorder.ts'

const linesMax = 50

/** What a test may expect of the events on tape. */
export interface Expectations {
  event<Type extends AnyEventType>(
    type: Type,
    part: Part<DataOf<Type>> | undefined,
    timeoutMs: number,
  ): Promise<EventOf<Type>>
  noEvent<Type extends AnyEventType>(type: Type, part: Part<DataOf<Type>> | undefined): void
}

export function createExpectations(recorder: Recorder, log: HarnessLog): Expectations {
  function find<Type extends AnyEventType>(
    type: Type,
    part: Part<DataOf<Type>> | undefined,
  ): EventOf<Type> | undefined {
    const isWanted = (event: Event) =>
      event.type === type.type &&
      event.source === type.owner &&
      (part === undefined || matches(part, event.data))
    return recorder.take(isWanted) as EventOf<Type> | undefined
  }

  return {
    async event(type, part, timeoutMs) {
      const deadline = deadlineIn(timeoutMs)
      try {
        for (;;) {
          const more = recorder.more()
          const found = find(type, part)
          if (found) return found
          if ((await Promise.race([more, deadline.reached])) === 'late') break
        }
      } finally {
        deadline.cancel()
      }
      throw failed(`${wanted(type, part)} did not come within ${timeoutMs} ms.`, recorder, log)
    },
    noEvent(type, part) {
      const found = find(type, part)
      if (found)
        throw failed(`${wanted(type, part)} was not to come, but came: ${describe(found)}.`, recorder, log)
    },
  }
}

function wanted(type: AnyEventType, part: unknown): string {
  return part === undefined
    ? type.type
    : `${type.type} with ${inspect(part, { depth: 6, breakLength: Infinity })}`
}

function failed(what: string, recorder: Recorder, log: HarnessLog): TroupeError {
  const seen = recorder.seen()
  const lines = seen
    .slice(-linesMax)
    .map(
      ({ description }, index) =>
        `  ${seen.length - Math.min(seen.length, linesMax) + index + 1}. ${description}`,
    )
  const complaints = log.complaints()
  return new TroupeError(
    'TROUPE_EXPECTATION_FAILED',
    [
      what,
      lines.length === 0
        ? 'Nothing was seen at all.'
        : `Seen, in order${seen.length > linesMax ? ` (the last ${linesMax} of ${seen.length})` : ''}:`,
      ...lines,
      ...(complaints.length === 0 ? [] : ['The services said:', ...complaints.map((line) => `  ${line}`)]),
    ].join('\n'),
  )
}

/** A time limit that can be given up. */
export function deadlineIn(ms: number): { readonly reached: Promise<'late'>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined
  const reached = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms)
  })
  return { reached, cancel: () => clearTimeout(timer) }
}
