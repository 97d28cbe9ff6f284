import { describe, expect, it } from '@jest/globals'
import { type StoredSchema, TroupeError } from '@troupe/core'
import { keepingLog } from '../kits/fakes.test.kit.ts'
import { createSchemaKeeping } from './schema-keeping.ts'

const learned: StoredSchema = { id: 7, fingerprint: 'f', schema: '{}' }

/** A codec that has learned one schema, before the registry went away. */
function setUp() {
  const kept: StoredSchema[] = []
  const fresh = [learned]
  let isDown = false
  const keeping = createSchemaKeeping({
    service: { name: 'bank', says: [] },
    codec: {
      register: async () => {},
      remember() {},
      takeLearned: () => fresh.splice(0),
      unregistered: () => [],
      checkRegistry: () => Promise.reject(new TroupeError('TROUPE_REGISTRY_UNREACHABLE', 'away')),
    },
    ledger: {
      schemas: () => Promise.resolve([]),
      async keepSchemas(schemas) {
        if (isDown) throw new TroupeError('TROUPE_DATABASE_UNREACHABLE', 'away')
        kept.push(...schemas)
      },
    },
    log: keepingLog(),
    now: () => 0,
  })
  return { keeping, kept, database: (state: 'up' | 'down') => (isDown = state === 'down') }
}

describe('what a registry said before it went away', () => {
  it('is kept in the ledger while it is away', async () => {
    const { keeping, kept } = setUp()
    await keeping.recall()
    await expect(keeping.check()).rejects.toMatchObject({ code: 'TROUPE_REGISTRY_UNREACHABLE' })
    expect(kept).toEqual([learned])
  })

  it('is kept with a later check if the database was away too', async () => {
    const { keeping, kept, database } = setUp()
    await keeping.recall()
    database('down')
    await expect(keeping.check()).rejects.toMatchObject({ code: 'TROUPE_REGISTRY_UNREACHABLE' })
    database('up')
    await expect(keeping.check()).rejects.toMatchObject({ code: 'TROUPE_REGISTRY_UNREACHABLE' })
    expect(kept).toEqual([learned])
  })
})
