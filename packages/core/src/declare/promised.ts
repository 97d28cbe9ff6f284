/**
 * True for a promise, of whatever make, where none is wanted: it is thrown away, and a rejection of it would
 * otherwise be nobody's and end the process.
 */
export function isPromised(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('then' in value) || typeof value.then !== 'function')
    return false
  Promise.resolve(value as PromiseLike<unknown>).catch(() => {})
  return true
}
