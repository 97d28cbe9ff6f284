import { type AdminRoute, adminRoute, type Desk } from './admin-route.ts'
import { readAside } from './read-aside.ts'
import * as shapes from './shapes.ts'

/** How many records one answer holds, whatever is asked for: each may weigh as much as an event may. */
const recordsMax = 20

/** What people ask of parked keys, and do to them. */
export function parkedRoutes({ service, codec, ledger, log, onDue }: Desk): readonly AdminRoute[] {
  return [
    adminRoute({
      method: 'GET',
      url: '/parked-keys',
      summary: 'Keys that are parked, those that were parked first first',
      query: shapes.parkedQuery,
      answer: shapes.pageShape(shapes.parkedKey),
      async handle({ query }) {
        const { found, next } = await ledger.parkedKeys(shapes.filterOf(query), shapes.pageOf(query))
        return { items: found.map(shapes.parkedKeyOf), next: next === undefined ? null : String(next) }
      },
    }),
    adminRoute({
      method: 'GET',
      url: '/parked-keys/records',
      summary: 'What is parked for one key, in the order in which it will be tried',
      query: shapes.recordsQuery,
      answer: shapes.pageShape(shapes.parkedRecord),
      async handle({ query }) {
        const { after, limit } = shapes.pageOf(query, -1n)
        const page = { after, limit: Math.min(limit, recordsMax) }
        const { found, next } = await ledger.parkedRecords(shapes.placeOf(query), page)
        const items = await Promise.all(
          found.map(async (one) => shapes.parkedRecordOf(one, await readAside(service, codec, one.record))),
        )
        return { items, next: next === undefined ? null : String(next) }
      },
    }),
    adminRoute({
      method: 'POST',
      url: '/parked-keys/retry',
      summary: 'Tries keys now, held ones too',
      query: shapes.commandQuery,
      body: shapes.keyPlaces,
      answer: shapes.retried,
      async handle({ query, body: { keys, ...who } }) {
        const action = { ...who, ...query }
        const count = await ledger.retryParked(keys, action)
        onDue()
        log.info({ ...action, count }, 'parked keys are tried now')
        return { keys: count }
      },
    }),
    adminRoute({
      method: 'POST',
      url: '/parked-keys/discard',
      summary:
        'Gives up the event that fails, or all that is parked for its key; it becomes a discarded dead letter',
      query: shapes.commandQuery,
      body: shapes.keysToDiscard,
      answer: shapes.discardedEvents,
      async handle({ query, body: { keys, what, ...who } }) {
        const action = { ...who, ...query }
        const count = await ledger.discardParked(keys, what, action)
        log.info({ ...action, what, count }, 'parked events were discarded')
        return { events: count }
      },
    }),
  ]
}
