import type { Event } from '../declare/event-type.ts'
import { documentName, type DocumentRef, refuseUnfitRef } from '../declare/document.ts'
import { TroupeError } from '../errors.ts'
import { pairKey, pairMap } from '../declare/name.ts'
import type { DocumentName, RecallRequest, StepName } from '../ports.ts'
import { isPromised } from '../declare/promised.ts'
import type { EventName } from '../event/record.ts'
import type { Command } from '../declare/command.ts'
import type { BoundReaction } from '../declare/service.ts'
import { shown } from '../declare/shown.ts'

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

/**
 * Derives an id from what it depends on: the same parts, the same UUID; any other list of parts, another
 * one, however the parts are cut (`'ab', 'c'` is not `'a', 'bc'`). It may begin as one that is among the
 * parts. Given by the edge.
 */
export type DeriveId = (...parts: readonly string[]) => string

/**
 * Stands for an event wherever something is derived from it: emitted events' ids, `id()`, the key that
 * `perform` hands to the outside. Names the source too: an id is unique within its source only.
 */
export function causeIdOf({ source, id }: EventName): string {
  return `event:${pairKey(source, id)}`
}

/** Stands for a command, as {@link causeIdOf} stands for an event: a command's name holds no colon. */
export function requestId(request: Request): string {
  return `command:${request.name}:${request.idempotencyKey}`
}

/** Derives the ids that one handling may give out: bound to service, cause and name. */
export function idsOf(deriveId: DeriveId, service: string, causeId: string): (name?: string) => string {
  return (name = 'id') => {
    if (typeof name !== 'string') refuseUnfitIdName(name)
    return deriveId(service, causeId, 'id', name)
  }
}

function refuseUnfitIdName(name: unknown): never {
  throw new TroupeError(
    'TROUPE_REACTION_FAILED',
    `\`id\` was asked for an id named ${shown(name)}. Name it by a text, or leave the name out.`,
  )
}

/** The step that a delivery may do or undo; undefined for a plain reaction. */
export function stepOf({ event, bound }: Delivery): StepName | undefined {
  return bound.step === undefined ? undefined : { saga: event.correlationId, step: bound.step }
}

/**
 * The step that a delivery may do or undo, where doing it calls the outside: what nobody knows the outcome of may
 * be in doubt.
 */
export function callingStepOf(delivery: Delivery): StepName | undefined {
  const { reaction } = delivery.bound
  return (reaction.undoes?.step ?? reaction).perform ? stepOf(delivery) : undefined
}

/**
 * Everything a batch must recall before it can be decided. Calls the users' `reads`; a `reads` that
 * throws does so here, with the delivery's index in `failed`, and the rest of the batch is asked all the same.
 * Look at `failed` once the delivery is admitted, not before: what does not run need not have read.
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
  const steps = pairMap<StepName & { withDocuments: boolean }>()
  const answers: { command: string; idempotencyKey: string }[] = []
  const doubts = pairMap<StepName>()
  const reads: (readonly DocumentName[])[] = []
  const failed = new Map<number, unknown>()
  for (const [index, one] of work.entries()) {
    try {
      const refs = readsOf(one, ids)
      for (const ref of refs) {
        refuseUnfitRef(ref, nameOf(one))
        const name = documentName(ref)
        if (!documents.has(name)) documents.set(name, { kind: ref.kind, key: ref.key })
      }
      reads.push(refs)
    } catch (error) {
      failed.set(index, error)
      reads.push([])
    }
    if (one.form === 'command') {
      answers.push({ command: one.name, idempotencyKey: one.idempotencyKey })
      continue
    }
    events.push({ source: one.event.source, id: one.event.id })
    const { step } = one.bound
    const calling = step === undefined ? undefined : callingStepOf(one)
    if (calling) doubts.set(calling.step, calling.saga, calling)
    if (step !== undefined) {
      const saga = one.event.correlationId
      const withDocuments = one.bound.reaction.form === 'undo'
      if (withDocuments || !steps.get(step, saga)) steps.set(step, saga, { saga, step, withDocuments })
    }
  }
  return {
    request: {
      events,
      documents: [...documents.values()],
      steps: steps.values(),
      answers,
      ...(doubts.values().length > 0 ? { doubts: doubts.values() } : {}),
    },
    reads,
    failed,
  }
}

/** One string for a step's name, for maps. */
export function stepKey({ saga, step }: StepName): string {
  return pairKey(saga, step)
}

function readsOf(
  one: Delivery | Request,
  ids: (causeId: string) => (name?: string) => string,
): readonly DocumentRef[] {
  const { reads } = one.form === 'command' ? one.command : one.bound.reaction
  if (!reads) return noneNamed
  // A reaction's takes no ids.
  const named: unknown =
    one.form === 'command'
      ? reads(one.input as never, { id: ids(requestId(one)) })
      : reads(one.event as never, undefined as never)
  if (Array.isArray(named)) return named as readonly DocumentRef[]
  isPromised(named)
  throw new TroupeError(
    'TROUPE_DOCUMENT_INVALID',
    `\`reads\` of ${nameOf(one)} returned ${shown(named)}. Return a list of documents, at once.`,
    { details: { reader: nameOf(one) } },
  )
}

const noneNamed: readonly DocumentRef[] = []

function nameOf(one: Delivery | Request): string {
  return one.form === 'command' ? one.name : one.bound.name
}
