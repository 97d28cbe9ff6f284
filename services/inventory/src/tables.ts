import type { TableMigration } from '@troupe/core'
import { openingStock } from './stock.ts'

/** Of the first day, and part of what was released: another opening stock is another migration. */
const shelves = [...openingStock].map(([sku, free]) => `('${sku}', ${free})`).join(', ')

/** What the service keeps, and how it is made. An article's stock is one row; more than there is cannot be held. */
export const tables: readonly TableMigration[] = [
  {
    name: 'stock',
    sql: `
      CREATE TABLE stock (
        sku text COLLATE "C" PRIMARY KEY,
        free bigint NOT NULL CHECK (free >= 0),
        held bigint NOT NULL DEFAULT 0 CHECK (held >= 0)
      );
      INSERT INTO stock (sku, free) VALUES ${shelves}`,
  },
]
