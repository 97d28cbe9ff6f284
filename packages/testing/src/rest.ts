import { laneOf, TroupeError } from '@troupe/core'
import type { LogEnds } from '@troupe/kafka'
import type { RunningService } from '@troupe/runtime'
import { setTimeout as delay } from 'node:timers/promises'
import { deadlineIn } from './expectations.ts'
import type { Recorder } from './recorder.ts'

const checkEveryMs = 10

/**
 * Resolves when nothing is under way: every running service has handled all events it hears, tries none of
 * them again, and has published all it emitted, the tape has read all of them, and no log grew while that was found out.
 *
 * @throws TroupeError `TROUPE_EXPECTATION_FAILED` after `timeoutMs`, saying who is behind
 */
export async function comeToRest(
  services: readonly RunningService[],
  {
    logEnds,
    topics,
    recorder,
    timeoutMs,
  }: {
    readonly logEnds: LogEnds
    readonly topics: readonly string[]
    readonly recorder: Recorder
    readonly timeoutMs: number
  },
): Promise<void> {
  const deadline = deadlineIn(timeoutMs)
  let behind: readonly string[] = ['nobody has answered yet']
  async function look(): Promise<boolean> {
    const before = await logEnds.read(topics)
    behind = [
      ...(await Promise.all(services.map((service) => behindOf(service, before)))).flat(),
      ...tapeBehind(recorder, before),
    ]
    return behind.length === 0 && isSame(before, await logEnds.read(topics))
  }
  try {
    for (;;) {
      // A service whose Kafka is away does not answer before it is back: the deadline counts all the same.
      const answer = await Promise.race([look(), deadline.reached])
      if (answer === true) return
      if (answer === 'late' || (await Promise.race([delay(checkEveryMs), deadline.reached])) === 'late') break
    }
  } finally {
    deadline.cancel()
  }
  throw new TroupeError(
    'TROUPE_EXPECTATION_FAILED',
    `Still not at rest after ${timeoutMs} ms: ${behind.join('; ') || 'events keep coming'}.`,
  )
}

async function behindOf(service: RunningService, ends: ReadonlyMap<string, bigint>): Promise<string[]> {
  const progress = new Map((await service.progress()).map((one) => [laneOf(one), one.next ?? 0n]))
  const heard = new Set(service.service.hears.map(({ topic }) => topic))
  const { keys, held } = service.status().parked
  // What is held waits for a person, and would wait for ever.
  const retried =
    keys > held ? [`${service.service.name} has ${keys - held} keys parked that it tries again`] : []
  const unread = [...ends].flatMap(([lane, end]) => {
    if (!heard.has(lane.slice(0, lane.lastIndexOf('/')))) return []
    const next = progress.get(lane) ?? 0n
    return next >= end ? [] : [`${service.service.name} is at ${next} of ${end} in ${lane}`]
  })
  return [...unread, ...retried]
}

function tapeBehind(recorder: Recorder, ends: ReadonlyMap<string, bigint>): string[] {
  const read = new Map<string, bigint>()
  for (const one of recorder.seen()) read.set(laneOf(one), one.offset + 1n)
  return [...ends].flatMap(([lane, end]) =>
    (read.get(lane) ?? 0n) >= end ? [] : [`the tape is at ${read.get(lane) ?? 0n} of ${end} in ${lane}`],
  )
}

function isSame(before: ReadonlyMap<string, bigint>, after: ReadonlyMap<string, bigint>): boolean {
  return [...after].every(([lane, end]) => before.get(lane) === end)
}
