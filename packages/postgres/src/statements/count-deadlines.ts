import type { Statement } from '../wire/statement.ts'

/** Up to here they are counted; beyond, the planner's estimate has to do. */
const countedMax = 10_000

export const countDeadlines: Statement<undefined, number> = {
  name: 'count-deadlines',
  text: (schema) => `
    SELECT CASE WHEN counted <= ${countedMax} THEN counted ELSE greatest(counted, estimated) END
    FROM (
      SELECT (SELECT count(*) FROM (SELECT 1 FROM ${schema}.deadline LIMIT ${countedMax + 1}) AS first_ones) AS counted,
        (SELECT reltuples::bigint FROM pg_class WHERE oid = '${schema}.deadline'::regclass) AS estimated
    ) AS both_ways`,
  parameters: () => [],
  row: ([count]) => Number(count),
}
