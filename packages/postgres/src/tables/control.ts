// What the ledger says about a transaction itself.

import type { Call } from '../wire/statement.ts'

function saying(name: string, text: string): () => Call {
  return () => ({ name, text, parameters: [], rows: [], accept() {} })
}

/** Each statement sees what was committed before it: who has waited for a row sees what it waited for. */
export const beginning = saying('begin', 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
export const committing = saying('commit', 'COMMIT')
export const undoing = saying('rollback', 'ROLLBACK')
export const guarding = saying('guard unit', 'SAVEPOINT troupe_unit')
export const releasing = saying('release unit', 'RELEASE SAVEPOINT troupe_unit')
export const returning = saying('undo unit', 'ROLLBACK TO SAVEPOINT troupe_unit')

/** From here to the commit the ledger's statements are planned as on its own connections: see `planning`. */
export const asLedgerPlans = saying(
  'plan as ledger',
  `SELECT ${['enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'jit']
    .map((name) => `set_config('${name}', 'off', true)`)
    .join(', ')}, set_config('plan_cache_mode', 'force_generic_plan', true)`,
)
