import type { PendingDeadlines } from '@troupe/core'
import type { Statement } from '../wire/statement.ts'

/** Up to here they are counted; beyond, the planner's estimate has to do. */
const countedMax = 10_000

export const countDeadlines: Statement<undefined, PendingDeadlines> = {
  name: 'count-deadlines',
  text: (schema) => `
    SELECT CASE WHEN counted <= ${countedMax} THEN counted ELSE greatest(counted, estimated) END,
      greatest(0, coalesce(extract(epoch FROM now() - oldest) * 1000, 0))
    FROM (
      SELECT (SELECT count(*) FROM (SELECT 1 FROM ${schema}.deadline LIMIT ${countedMax + 1}) AS first_ones) AS counted,
        (SELECT reltuples::bigint FROM pg_class WHERE oid = '${schema}.deadline'::regclass) AS estimated,
        (SELECT min(due_at) FROM ${schema}.deadline) AS oldest
    ) AS all_ways`,
  parameters: () => [],
  row: ([count, overdueMs]) => ({ count: Number(count), overdueMs: Number(overdueMs) }),
}
