import { type Evidence, isAbandoned, nameOf } from './evidence.ts'
import { hearersOf } from './story.ts'

/**
 * Every event that was published is in the inbox of whoever hears it, as applied; and nothing else is. (That
 * it is there once is the inbox's primary key.) Where order has given up, some are heard in vain: their steps are
 * barred, or undone before.
 */
export function* heardOnce({ events, eventsById, eventsBySaga, ledgers }: Evidence): Generator<string> {
  const inboxes = new Map(
    [...ledgers].map(([service, { inbox }]) => [service, new Map(inbox.map((row) => [nameOf(row), row]))]),
  )
  for (const event of events) {
    for (const hearer of hearersOf(event.type)) {
      const row = inboxes.get(hearer)?.get(nameOf(event))
      if (!row) yield `${hearer} never heard ${event.type} ${event.id} of saga ${event.saga}.`
      else if (
        row.outcome !== 'applied' &&
        !(inVain.has(row.outcome) && isAbandoned(eventsBySaga.get(event.saga)))
      ) {
        yield `${hearer} heard ${event.type} ${event.id} of saga ${event.saga}, and it was ${row.outcome}.`
      }
    }
  }
  for (const [service, inbox] of inboxes) {
    for (const [name, { type }] of inbox) {
      if (!eventsById.has(name)) yield `${service} heard ${type} ${name}, which was never published.`
      else if (!hearersOf(type).includes(service)) yield `${service} heard ${type}, which is not for it.`
    }
  }
}

const inVain: ReadonlySet<string> = new Set(['barred', 'step-barred', 'undo-repeated'])
