import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { ledgerContract } from './contract/ledger-contract.ts'
import { startStores, type Stores } from './stores.test.kit.ts'

let stores: Stores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

ledgerContract('postgresLedger', async () => stores.make().open, { describe, it })
