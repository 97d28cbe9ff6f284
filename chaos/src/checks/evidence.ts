import type { Facts, PublishedRecord } from './facts.ts'

/** The facts, put in order for the checks. */
export interface Evidence extends Facts {
  /** Each event once: where it was published first. */
  readonly events: readonly PublishedRecord[]
  readonly eventsById: ReadonlyMap<string, PublishedRecord>
  readonly eventsBySaga: ReadonlyMap<string, readonly PublishedRecord[]>
  /** What was published again, under an id that was there already. */
  readonly duplicates: readonly PublishedRecord[]
}

export function evidenceOf(facts: Facts): Evidence {
  const eventsById = new Map<string, PublishedRecord>()
  const eventsBySaga = new Map<string, PublishedRecord[]>()
  const duplicates: PublishedRecord[] = []
  for (const record of facts.records) {
    const name = nameOf(record)
    if (eventsById.has(name)) {
      duplicates.push(record)
      continue
    }
    eventsById.set(name, record)
    const saga = eventsBySaga.get(record.saga)
    if (saga) saga.push(record)
    else eventsBySaga.set(record.saga, [record])
  }
  return { ...facts, events: [...eventsById.values()], eventsById, eventsBySaga, duplicates }
}

/** Ids are unique within their source. */
export function nameOf({ source, id }: { readonly source: string; readonly id: string }): string {
  return `${source}/${id}`
}

/** How many of a saga's events are of these types. */
export function countOf(events: readonly PublishedRecord[] | undefined, ...types: readonly string[]): number {
  return (events ?? []).filter(({ type }) => types.includes(type)).length
}

export function placeOf({ topic, partition, offset }: PublishedRecord): string {
  return `${topic}[${partition}]@${offset}`
}

/** True for a saga that order has given up on: what was late then finds its work called off. */
export function isAbandoned(events: readonly PublishedRecord[] | undefined): boolean {
  return countOf(events, 'OrderAbandoned') > 0
}
