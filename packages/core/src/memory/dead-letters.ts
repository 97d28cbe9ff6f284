// Dead letters: kept when they come, and until they are old and nobody needs them any more.

import { ofLife } from '../event/log-place.ts'
import type {
  AsideDesk,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterState,
  DeadLetterWrite,
  StoredDeadLetter,
} from '../aside/set-aside.ts'
import { bytesOf, fitsAlike, pageOf } from './aside-filters.ts'
import type { AtOnce } from './at-once.ts'
import type { Numbers } from './numbers.ts'
import { forgetRows } from './tables.ts'

const groupsMax = 1_000

interface LetterRow extends StoredDeadLetter {
  readonly seq: bigint
  /** When it was redriven or discarded; undefined for one that is open. */
  readonly closedAtMs: number | undefined
}

export interface MemoryDeadLetters
  extends AtOnce<Pick<AsideDesk, 'deadLetters' | 'deadLetter' | 'deadLetterGroups'>> {
  /** Open, though it may have been closed before. */
  write(letter: DeadLetterWrite): void
  /** @returns the letter as it is now */
  close(id: string, state: Exclude<DeadLetterState, 'open'>): StoredDeadLetter | undefined
  /** Those that were closed by then, except these. */
  forget(untilMs: number, needed: ReadonlySet<string>): number
}

export function memoryDeadLetters({ nowMs, nextSeq }: Numbers): MemoryDeadLetters {
  const letters = new Map<string, LetterRow>()

  return {
    write({ id, key, record, event, failure, attempts, firstFailedAtMs }) {
      const before = letters.get(id)
      const { topic, partition, offset, life = 0 } = record
      const begun = {
        id,
        topic,
        partition,
        key,
        offset,
        ...ofLife(life),
        record,
        event,
        redrives: 0,
        firstFailedAtMs: firstFailedAtMs ?? nowMs(),
        bytes: bytesOf(record),
        seq: before?.seq ?? nextSeq(),
      }
      const open = {
        failure,
        attempts,
        lastFailedAtMs: nowMs(),
        state: 'open',
        closedAtMs: undefined,
      } as const
      letters.set(id, { ...(before ?? begun), ...open })
    },
    close(id, state) {
      const before = letters.get(id)
      if (!before) return undefined
      const redrives = before.redrives + (state === 'redriven' ? 1 : 0)
      const letter = { ...before, state, redrives, closedAtMs: nowMs() }
      letters.set(id, letter)
      return letter
    },
    forget: (untilMs, needed) =>
      forgetRows(
        letters,
        ({ id, closedAtMs }) => closedAtMs !== undefined && closedAtMs <= untilMs && !needed.has(id),
      ),
    deadLetters: (filter, { after, limit }) =>
      pageOf(
        [...letters.values()].filter((letter) => letter.seq > after && letterFits(letter, filter)),
        limit,
        ({ record: _record, ...letter }) => shown(letter),
        ({ seq }) => seq,
      ),
    deadLetter(id) {
      const letter = letters.get(id)
      return letter && shown(letter)
    },
    deadLetterGroups(filter) {
      const groups = new Map<string, LetterRow[]>()
      for (const letter of letters.values()) {
        if (!letterFits(letter, filter)) continue
        const { group } = letter.failure
        groups.set(group, [...(groups.get(group) ?? []), letter])
      }
      return [...groups.values()]
        .map(groupOf)
        .sort((left, right) => right.count - left.count || (left.group < right.group ? -1 : 1))
        .slice(0, groupsMax)
    },
  }
}

function shown<Row extends Pick<LetterRow, 'seq' | 'closedAtMs'>>({
  seq: _seq,
  closedAtMs: _closedAtMs,
  ...letter
}: Row): Omit<Row, 'seq' | 'closedAtMs'> {
  return letter
}

/** The words are those of the one that failed last. */
function groupOf(members: readonly LetterRow[]): DeadLetterGroup {
  const last = members.reduce((one, other) => (other.lastFailedAtMs >= one.lastFailedAtMs ? other : one))
  const { group, reaction, code, message } = last.failure
  return {
    group,
    reaction,
    code,
    message,
    count: members.length,
    firstFailedAtMs: members.reduce((first, one) => Math.min(first, one.firstFailedAtMs), Infinity),
    lastFailedAtMs: last.lastFailedAtMs,
  }
}

function letterFits(
  letter: LetterRow,
  { event, saga, state = 'open', ...filter }: DeadLetterFilter,
): boolean {
  return (
    (state === 'any' || letter.state === state) &&
    (event === undefined || letter.event?.id === event) &&
    (saga === undefined || letter.event?.saga === saga) &&
    fitsAlike(letter, filter)
  )
}
