import { service } from '@troupe/core'
import { releaseStock } from './release-stock.ts'
import { reserveStock } from './reserve-stock.ts'
import { tables } from './tables.ts'

export const inventory = service({
  name: 'inventory',
  reactions: { reserveStock, releaseStock },
  topic: { partitions: 3, retentionMs: -1 },
  tables,
})
