// The same service on documents, in place of a table: the same names, the same events, the same suite. For what
// walks pure reactions, every interleaving and the properties of `services/stories`; nobody runs it.
import { service } from '@troupe/core'
import { releaseStock } from './release-stock.ts'
import { reserveStock } from './reserve-stock.ts'

export const inventory = service({
  name: 'inventory',
  reactions: { reserveStock, releaseStock },
  topic: { partitions: 3, retentionMs: -1 },
})
