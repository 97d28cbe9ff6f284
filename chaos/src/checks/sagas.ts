import { expectations } from '@troupe/cli'
import { countOf, type Evidence, isAbandoned } from './evidence.ts'

const overdue: ReadonlySet<string> = new Set(['ReservationOverdue', 'OrderOverdue'])

/** Every saga says exactly what its input asks for: nothing is missing, nothing is said twice. */
export function* sagas({ orders, eventsBySaga }: Evidence): Generator<string> {
  for (const { kind, answers } of orders) {
    const [id] = answers
    if (id === undefined) continue
    const events = eventsBySaga.get(id) ?? []
    // Somebody may have waited in vain for what came after all.
    const said = events.flatMap(({ type }) => (overdue.has(type) ? [] : [type])).toSorted()
    const expected = expectations[kind].events.toSorted()
    // How far the others came before they were called off is for nobody to say; nothing is said twice.
    if (isAbandoned(events)) {
      if (
        countOf(events, 'OrderCancelled') !== 1 ||
        countOf(events, 'OrderCompleted') !== 0 ||
        new Set(said).size < said.length
      )
        yield `Saga ${id} (${kind}) was given up, and says ${said.join(', ')}.`
    } else if (said.join() !== expected.join()) {
      yield `Saga ${id} (${kind}) says ${said.join(', ') || 'nothing'} instead of ${expected.join(', ')}.`
    }
    const ids = new Set(events.map((event) => event.id))
    for (const { type, causationId } of events) {
      if (type === 'OrderReceived' ? causationId !== undefined : !ids.has(causationId ?? '')) {
        yield `${type} of saga ${id} names ${causationId ?? 'nothing'} as its cause, which is not of its saga.`
      }
    }
  }
}
