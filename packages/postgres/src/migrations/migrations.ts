import { ledger } from './0001-ledger.ts'
import { orderOfKeys } from './0002-order-of-keys.ts'
import { schemas } from './0003-schemas.ts'
import { setAside } from './0004-set-aside.ts'
import { performed } from './0005-performed.ts'
import { deadlines } from './0006-deadlines.ts'
import { topicIds } from './0007-topic-ids.ts'
import { closedAt } from './0008-closed-at.ts'
import { pausedKeys } from './0009-paused-keys.ts'
import { restlessClaims } from './0010-restless-claims.ts'
import { lives } from './0011-lives.ts'
import { commandsOfActions } from './0012-commands-of-actions.ts'
import { pagesOfActions } from './0013-pages-of-actions.ts'
import { doubts } from './0014-doubts.ts'
import type { Migration } from './migration.ts'

/** Every migration there is, oldest first. */
export const migrations: readonly Migration[] = [
  ledger,
  orderOfKeys,
  schemas,
  setAside,
  performed,
  deadlines,
  topicIds,
  closedAt,
  pausedKeys,
  restlessClaims,
  lives,
  commandsOfActions,
  pagesOfActions,
  doubts,
]
