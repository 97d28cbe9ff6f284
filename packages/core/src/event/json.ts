/** A JSON value: what a document or a command's answer may hold. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

const depthMax = 100

/**
 * Says where and why a value is not JSON that a database gives back as it took it; undefined if it is.
 *
 * Stricter than `JSON.stringify`, which turns NaN into null, a Date into text and drops functions without
 * a word: what a reaction put would not be what the next one gets. An absent property and one that is
 * undefined count as the same.
 */
export function flawOfJson(value: unknown): string | undefined {
  return flawAt(value, '', 0)
}

function flawAt(value: unknown, path: string, depth: number): string | undefined {
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : `${at(path)} is ${value}`
    case 'object':
      return value === null ? undefined : flawOfObject(value, path, depth)
    default:
      return `${at(path)} is ${value === undefined ? 'undefined' : `a ${typeof value}`}`
  }
}

function flawOfObject(value: object, path: string, depth: number): string | undefined {
  if (depth >= depthMax) return `${at(path)} lies more than ${depthMax} levels deep, or within itself`
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const flaw = flawAt(value[index], `${path}[${index}]`, depth + 1)
      if (flaw) return flaw
    }
    return undefined
  }
  if (!isPlain(value)) return `${at(path)} is a ${value.constructor?.name ?? 'class instance'}`
  for (const name of Object.keys(value)) {
    const inner: unknown = (value as Record<string, unknown>)[name]
    if (inner === undefined) continue
    const flaw = flawAt(inner, `${path}.${name}`, depth + 1)
    if (flaw) return flaw
  }
  return undefined
}

/** An object literal of any realm: its prototype is none, or one that has none. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function at(path: string): string {
  return path === '' ? 'it' : path.startsWith('.') ? path.slice(1) : path
}

/**
 * Freezes plain objects and arrays, all the way down, and returns the same value. Stops at what is
 * frozen already, so that freezing a changed copy costs what was changed.
 */
export function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (!Array.isArray(value) && !isPlain(value)) return value
  Object.freeze(value)
  // By place and by name: iterating over what is of many shapes makes an object for each step.
  if (Array.isArray(value)) for (let at = 0; at < value.length; at += 1) freeze(value[at])
  else for (const name of Object.keys(value)) freeze((value as Record<string, unknown>)[name])
  return value
}
