import assert from 'node:assert/strict'
import type { StoredSchema } from '@troupe/core'
import { migrated } from './case-building.ts'
import type { LedgerCase } from './ledger-contract.ts'

const schema = (id: number, fingerprint: string): StoredSchema => ({
  id,
  fingerprint,
  schema: JSON.stringify({ type: 'record', name: 'é"\\\u0000', fields: [], fingerprint }),
})

export const schemaCases: readonly LedgerCase[] = [
  {
    title: 'keeps schemas in order, for every instance, and more than one under an id',
    async holds(open) {
      const ledger = await migrated(open)
      assert.deepEqual(await ledger.schemas(), [])
      await ledger.keepSchemas([])
      await ledger.keepSchemas([schema(7, 'b'), schema(3, 'a')])
      await ledger.keepSchemas([schema(7, 'a')])
      assert.deepEqual(await open().schemas(), [schema(7, 'b'), schema(3, 'a'), schema(7, 'a')])
    },
  },
  {
    title: 'puts a schema that is kept again behind the others, once',
    async holds(open) {
      const ledger = await migrated(open)
      await ledger.keepSchemas([schema(1, 'a'), schema(2, 'b')])
      await ledger.keepSchemas([schema(1, 'a')])
      assert.deepEqual(await ledger.schemas(), [schema(2, 'b'), schema(1, 'a')])
    },
  },
]
