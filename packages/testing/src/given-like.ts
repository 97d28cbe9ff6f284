import type { AnyEventType, DataOf, EventDraft } from '@troupe/core'
import type { Part } from './match.ts'

/** An event of which only some fields are expected. Made by {@link like}. */
export interface Like {
  readonly form: 'like'
  readonly type: string
  readonly part: object
}

/** What a test may expect: a whole event, or one of which only some fields matter. */
export type ExpectedEvent = EventDraft | Like

/**
 * Expects an event with these fields, whatever its other fields hold.
 *
 * @example .then(like(InventoryFailed, { reason: 'out of stock: book' }))
 */
export function like<Type extends AnyEventType>(type: Type, part: Part<DataOf<Type>> & object): Like {
  return { form: 'like', type: type.type, part }
}

/** True for what {@link like} made. */
export function isLike(expected: ExpectedEvent): expected is Like {
  return 'form' in expected && expected.form === 'like'
}

/** `whole` without what `part` does not speak of, so that the two can be compared and their difference shown. */
export function narrowedTo(part: unknown, whole: unknown): unknown {
  if (Array.isArray(part) && Array.isArray(whole)) {
    return whole.map((one: unknown, index) => (index < part.length ? narrowedTo(part[index], one) : one))
  }
  if (isPlain(part) && isPlain(whole)) {
    return Object.fromEntries(
      Object.keys(part)
        .filter((name) => Object.hasOwn(whole, name))
        .map((name) => [name, narrowedTo(part[name], whole[name])]),
    )
  }
  return whole
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Date)
  )
}
