import { pointerTo, problem } from './problem.ts'

/**
 * A request's body as JSON.
 *
 * Bytes that are no UTF-8 are refused: they would be read as U+FFFD, and stored as what nobody sent. So are
 * keys that change an object's prototype as soon as somebody copies it.
 *
 * @throws a 400 problem
 */
export function jsonBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw problem({ status: 400, detail: 'The body is empty. Send JSON.' })
  const text = textOf(bytes)
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw problem({
      status: 400,
      detail: "Body is not valid JSON but content-type is set to 'application/json'.",
    })
  }
  refusePoison(body)
  return body
}

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw problem({ status: 400, detail: 'The body is not UTF-8. Send JSON in UTF-8.' })
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** With a list in place of recursion: a body may be nested as deeply as it has bytes. */
function refusePoison(body: unknown): void {
  const open: Place[] = [{ value: body }]
  for (let place = open.pop(); place; place = open.pop()) {
    const { value } = place
    if (typeof value !== 'object' || value === null) continue
    for (const key of Object.keys(value)) {
      const inner = (value as Record<string, unknown>)[key]
      const isPoison =
        key === '__proto__' ||
        (key === 'constructor' &&
          typeof inner === 'object' &&
          inner !== null &&
          Object.hasOwn(inner, 'prototype'))
      if (isPoison) {
        const at = pointerTo(pathOf({ value: inner, key, within: place }))
        const detail = `A field cannot be named ${key}${key === 'constructor' ? ' and hold a prototype' : ''}. Leave it out, or name it otherwise.`
        throw problem({
          status: 400,
          detail: `The request's body is not valid: ${at}: ${detail}`,
          errors: [{ detail, pointer: at }],
        })
      }
      if (typeof inner === 'object') open.push({ value: inner, key, within: place })
    }
  }
}

/** Where a value stands: its path is only made for the one that is refused. */
interface Place {
  readonly value: unknown
  readonly key?: string
  readonly within?: Place
}

function pathOf(place: Place): readonly string[] {
  const path: string[] = []
  for (let at: Place | undefined = place; at; at = at.within) if (at.key !== undefined) path.unshift(at.key)
  return path
}
