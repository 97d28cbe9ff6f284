// What people did, portion by portion, told command by command.

import type {
  AsideDesk,
  OperatorAction,
  OperatorActionFilter,
  StoredOperatorAction,
} from '../aside/set-aside.ts'
import { pageOf } from './aside-filters.ts'
import type { AtOnce } from './at-once.ts'
import type { Numbers } from './numbers.ts'

const namesMax = 100

export interface MemoryActions extends AtOnce<Pick<AsideDesk, 'operatorActions'>> {
  /** Keeps what was done to so many, unless it was done to none. */
  note(
    did: StoredOperatorAction['did'],
    action: OperatorAction,
    names: readonly string[],
    count?: number,
  ): void
  /** Those that were done by then. */
  forget(untilMs: number): number
}

export function memoryActions({ nowMs, nextSeq }: Numbers): MemoryActions {
  let portions: readonly StoredOperatorAction[] = []
  return {
    note(did, { by, reason, command }, names, count = names.length) {
      if (count === 0) return
      const at = { seq: nextSeq(), atMs: nowMs(), lastAtMs: nowMs(), portions: 1 }
      portions = [...portions, { ...at, by, reason, command, did, count, names }]
    },
    forget(untilMs) {
      const before = portions.length
      portions = portions.filter(({ atMs }) => atMs > untilMs)
      return before - portions.length
    },
    operatorActions: (filter, { after, limit }) =>
      pageOf(
        byCommand(portions)
          .filter((one) => (after === 0n || one.seq < after) && actionFits(one, filter))
          .reverse(),
        limit,
        (one) => ({ ...one, names: one.names.slice(0, namesMax) }),
        ({ seq }) => seq,
      ),
  }
}

/** Portions of one command as one, in the order in which they began. */
function byCommand(portions: readonly StoredOperatorAction[]): StoredOperatorAction[] {
  const commands = new Map<unknown, StoredOperatorAction>()
  for (const portion of portions) {
    const { seq, command, did, by, reason } = portion
    const id = command === undefined ? seq : JSON.stringify([command, did, by, reason])
    const before = commands.get(id)
    const together = before && {
      ...before,
      lastAtMs: portion.atMs,
      portions: before.portions + 1,
      count: before.count + portion.count,
      names: [...before.names, ...portion.names],
    }
    commands.set(id, together ?? portion)
  }
  return [...commands.values()]
}

function actionFits(one: StoredOperatorAction, filter: OperatorActionFilter): boolean {
  const { by, did, name, fromMs, untilMs } = filter
  return (
    (by === undefined || one.by === by) &&
    (did === undefined || one.did === did) &&
    (name === undefined || one.names.includes(name)) &&
    (fromMs === undefined || one.atMs >= fromMs) &&
    (untilMs === undefined || one.atMs < untilMs)
  )
}
