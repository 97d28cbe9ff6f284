import type { Event } from './event-type.ts'
import type { DocumentName, EventName, RecallRequest, StepName } from './ports.ts'
import type { Command } from './command.ts'
import type { BoundReaction } from './service.ts'

/** An event in the hands of the service that hears it. */
export interface Delivery {
  readonly form: 'event'
  readonly event: Event
  readonly bound: BoundReaction
}

/** A command in the hands of the service that owns it. */
export interface Request {
  readonly form: 'command'
  readonly name: string
  readonly command: Command
  readonly input: object
  readonly inputHash: string
  readonly idempotencyKey: string
}

/** Derives an id from what it depends on: the same parts, the same UUID. Given by the edge. */
export type DeriveId = (...parts: readonly string[]) => string

/** The id that stands for a command, as an event's id stands for the event. */
export function requestId(request: Request): string {
  return `command:${request.name}:${request.idempotencyKey}`
}

/** Derives the ids that one handling may give out: bound to service, cause and name. */
export function idsOf(deriveId: DeriveId, service: string, causeId: string): (name?: string) => string {
  return (name = 'id') => deriveId(service, causeId, 'id', name)
}

/** The step that a delivery may do or undo; undefined for a plain reaction. */
export function stepOf({ event, bound }: Delivery): StepName | undefined {
  return bound.step === undefined ? undefined : { saga: event.correlationId, step: bound.step }
}

/**
 * Everything a batch must recall before it can be decided. Calls the users' `reads`; a `reads` that
 * throws does so here, with the delivery's index in `failed`, and the rest of the batch is asked all the same.
 */
export function recallFor(
  work: readonly (Delivery | Request)[],
  ids: (causeId: string) => (name?: string) => string,
): {
  readonly request: RecallRequest
  readonly reads: readonly (readonly DocumentName[])[]
  readonly failed: ReadonlyMap<number, unknown>
} {
  const events: EventName[] = []
  const documents = new Map<string, DocumentName>()
  const steps = new Map<string, StepName & { withDocuments: boolean }>()
  const answers: { command: string; idempotencyKey: string }[] = []
  const reads: (readonly DocumentName[])[] = []
  const failed = new Map<number, unknown>()
  for (const [index, one] of work.entries()) {
    let refs: readonly DocumentName[] = []
    try {
      refs = readsOf(one, ids)
    } catch (error) {
      failed.set(index, error)
    }
    reads.push(refs)
    for (const { kind, key } of refs) documents.set(`${kind}/${key}`, { kind, key })
    if (one.form === 'command') {
      answers.push({ command: one.name, idempotencyKey: one.idempotencyKey })
      continue
    }
    events.push({ source: one.event.source, id: one.event.id })
    const step = stepOf(one)
    if (step) {
      const name = stepKey(step)
      const withDocuments = one.bound.reaction.form === 'undo' || (steps.get(name)?.withDocuments ?? false)
      steps.set(name, { ...step, withDocuments })
    }
  }
  return {
    request: { events, documents: [...documents.values()], steps: [...steps.values()], answers },
    reads,
    failed,
  }
}

/** One string for a step's name, for maps. */
export function stepKey({ saga, step }: StepName): string {
  return JSON.stringify([saga, step])
}

/** One string for an event's name, for sets. */
export function eventKey({ source, id }: EventName): string {
  return `${source}\n${id}`
}

function readsOf(
  one: Delivery | Request,
  ids: (causeId: string) => (name?: string) => string,
): readonly DocumentName[] {
  if (one.form === 'command') {
    return one.command.reads?.(one.input as never, { id: ids(requestId(one)) }) ?? []
  }
  return one.bound.reaction.reads?.(one.event as never) ?? []
}
