import { isTroupeError } from '../errors.ts'

const textMax = 80

/**
 * A value as a message shows it to whoever gave it, with its kind where the value alone does not tell: `3`,
 * `"3"`, `1n, a bigint`, `a Map`. Short, of one line, and never throws, whatever the value is. For declarations
 * and settings: of an object nothing is shown, which may be a customer's.
 */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length <= textMax ? value : `${value.slice(0, textMax)}…`)
    case 'bigint':
      return `${cut(String(value))}n, a bigint`
    case 'symbol':
      return `${cut(String(value))}, a symbol`
    case 'function':
      return seen(value, functionShown)
    case 'object':
      return value === null ? 'null' : seen(value, objectShown)
    default:
      return Object.is(value, -0) ? '-0' : String(value)
  }
}

/** A proxy may throw whatever is asked of it. */
function seen<Value>(value: Value, look: (value: Value) => string): string {
  try {
    return look(value)
  } catch {
    return 'something that cannot be looked at'
  }
}

function functionShown(value: object): string {
  const { type, kind, name } = value as { type?: unknown; kind?: unknown; name?: unknown }
  if (isText(type)) return `the event type ${cut(type)}`
  if (isText(kind)) return `the kind of document ${cut(kind)}`
  return isText(name) ? `the function ${cut(name)}` : 'a function'
}

function objectShown(value: object): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  const { form, eventType, type, document, kind, then } = value as Record<string, unknown>
  if (typeof then === 'function') return 'a promise'
  if (typeof eventType === 'function' && isText(type)) return `an event of the type ${cut(type)}`
  if (typeof document === 'function' && isText(kind)) return `a document of the kind ${cut(kind)}`
  if (form === 'reaction' || form === 'command') return `a ${form}`
  if (form === 'undo') return 'an undo'
  if (isTroupeError(value)) return 'a TroupeError'
  const { constructor } = value
  const name: unknown = typeof constructor === 'function' ? constructor.name : undefined
  if (!isText(name) || name === 'Object') return 'an object'
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${cut(name)}`
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function cut(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax)}…`
}
