// The ledger in memory stands for this room's in simulations and tests, so it is held to the same contract.
import { describe, it } from '@jest/globals'
import { memoryLedger } from '@troupe/core/memory-ledger'
import { ledgerContract } from './contract/ledger-contract.ts'

ledgerContract('memory', async () => memoryLedger({ nowMs: Date.now }).open, { describe, it })
