// Which of what is set aside somebody asks for, and how much of it he gets at a time.

import type { RawRecord } from '../event/record.ts'
import type { AsideFilter, AsideList, StoredParkedKey } from '../aside/set-aside.ts'

/** Whether it fits all that keys and letters are filtered by alike: everything but their events and sagas. */
export function fitsAlike(
  {
    topic,
    partition,
    key,
    failure,
    lastFailedAtMs = Number.NaN,
  }: Pick<StoredParkedKey, 'topic' | 'partition' | 'key' | 'failure' | 'lastFailedAtMs'>,
  filter: AsideFilter,
): boolean {
  return (
    (filter.topic === undefined || filter.topic === topic) &&
    (filter.partition === undefined || filter.partition === partition) &&
    (filter.key === undefined || filter.key === key) &&
    (filter.reaction === undefined || filter.reaction === failure?.reaction) &&
    (filter.group === undefined || filter.group === failure?.group) &&
    (filter.fromMs === undefined || lastFailedAtMs >= filter.fromMs) &&
    (filter.untilMs === undefined || lastFailedAtMs < filter.untilMs)
  )
}

/** The first of them, shown, and where the next page begins. */
export function pageOf<One, Shown>(
  all: readonly One[],
  limit: number,
  show: (one: One) => Shown,
  seqOf: (one: One) => bigint,
): AsideList<Shown> {
  const page = all.slice(0, limit)
  const last = page.at(-1)
  return { found: page.map(show), next: page.length < limit || !last ? undefined : seqOf(last) }
}

/** What counts of a record where bytes are counted. */
export function bytesOf({ key, value }: RawRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0)
}
