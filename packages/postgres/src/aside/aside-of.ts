import type { AsideDesk, ParkingLedger } from '@troupe/core'
import type { Connections } from '../wire/connections.ts'
import { type Call, callOf, type Statement } from '../wire/statement.ts'
import { discardDeadLetters } from './discard-dead-letters.ts'
import { discardParked } from './discard-parked.ts'
import { dueKeys, dueKeysCalling, nextDueKey } from './due-keys.ts'
import { pageOf } from './filters.ts'
import { freeKeys } from './free-keys.ts'
import { listDeadLetterGroupsBy, listDeadLettersBy, readDeadLetter } from './list-dead-letters.ts'
import { listOperatorActionsBy } from './list-operator-actions.ts'
import { listParkedKeys } from './list-parked-keys.ts'
import { listParkedRecords } from './list-parked-records.ts'
import { parkedSum, parkedTotals } from './parked-totals.ts'
import { parkedWork } from './parked-work.ts'
import { putOffKeys } from './put-off-keys.ts'
import { redrive } from './redrive.ts'
import { retryParked } from './retry-parked.ts'

/** All that a ledger answers and does about what is set aside, except what settlements do. */
export function asideOf(connections: Pick<Connections, 'fly'>, schema: string): ParkingLedger & AsideDesk {
  async function rowsOf<Input, Row>(statement: Statement<Input, Row>, input: Input): Promise<readonly Row[]> {
    return await flown(callOf(statement, schema, input), [])
  }

  async function flown<Row>(call: Call<Row>, after: readonly Call[]): Promise<readonly Row[]> {
    await connections.fly([call, ...after])
    return call.rows
  }

  return {
    async dueKeys(partitions, perPartitionMax, calling) {
      if (partitions.length === 0) return { keys: [], nextMs: undefined }
      const asked = { partitions, perPartitionMax }
      const due = calling
        ? callOf(dueKeysCalling, schema, { ...asked, calling })
        : callOf(dueKeys, schema, asked)
      const next = callOf(nextDueKey, schema, partitions)
      return { keys: await flown(due, [next]), nextMs: next.rows[0] }
    },
    parkedWork: async (keys, limits) =>
      keys.length === 0 ? [] : parkedWork.together(await rowsOf(parkedWork.statement, { keys, ...limits })),
    async putOffKeys(keys, delayMs) {
      if (keys.length > 0) await rowsOf(putOffKeys, { keys, delayMs })
    },
    parkedTotals: async (partitions) =>
      partitions.length === 0 ? [] : await rowsOf(parkedTotals, partitions),
    async parkedSum() {
      const [sum] = await rowsOf(parkedSum, undefined)
      if (!sum) throw new Error('A sum is one row.')
      return sum
    },
    parkedKeys: async (filter, page) => pageOf(await rowsOf(listParkedKeys, { filter, page }), page),
    parkedRecords: async (key, page) => pageOf(await rowsOf(listParkedRecords, { key, page }), page),
    async retryParked(keys, action) {
      const [count = 0] = await flown(callOf(retryParked, schema, { keys, action }), [
        callOf(freeKeys, schema, keys),
      ])
      return count
    },
    async discardParked(keys, what, action) {
      const [count = 0] = await flown(callOf(discardParked, schema, { keys, what, action }), [
        callOf(freeKeys, schema, keys),
      ])
      return count
    },
    deadLetters: async (filter, page) =>
      pageOf(await rowsOf(listDeadLettersBy(filter), { filter, page }), page),
    deadLetter: async (id) => (await rowsOf(readDeadLetter, id))[0],
    deadLetterGroups: (filter) => rowsOf(listDeadLetterGroupsBy(filter), filter),
    redrive: (letters, action) => rowsOf(redrive, { letters, action }),
    discardDeadLetters: (ids, action) => rowsOf(discardDeadLetters, { ids, action }),
    operatorActions: async (filter, page) =>
      pageOf(await rowsOf(listOperatorActionsBy(filter), { filter, page }), page),
  }
}
