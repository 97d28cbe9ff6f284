/** How wide generated lines may be. */
export const widthMax = 110

/**
 * JSON as a TypeScript literal: single quotes, bare keys where they can be, on one line where it fits.
 *
 * @param lead how many characters stand before it on its first line
 */
export function literal(value: unknown, indent: string, lead: number): string {
  const line = onOneLine(value)
  if (typeof value !== 'object' || value === null || lead + line.length + 1 <= widthMax) return line
  const inner = `${indent}  `
  const parts = Array.isArray(value)
    ? value.map((item) => `${inner}${literal(item, inner, inner.length)},`)
    : Object.entries(value).map(([key, one]) => {
        const start = `${inner}${keyOf(key)}: `
        return `${start}${literal(one, inner, start.length)},`
      })
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${parts.join('\n')}\n${indent}${close}`
}

/** Text as a string literal. */
export function quote(text: string): string {
  const json = JSON.stringify(text)
  if (text.includes("'")) return json
  // Only the quotes change: any other escape means the same in both.
  return `'${json.slice(1, -1).replaceAll(/\\(.)/g, (escape, char: string) => (char === '"' ? '"' : escape))}'`
}

function onOneLine(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`
  const entries = Object.entries(value).map(([key, one]) => `${keyOf(key)}: ${onOneLine(one)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

function keyOf(key: string): string {
  // As a plain key it would set the object's prototype.
  if (key === '__proto__') return `['__proto__']`
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(key) ? key : quote(key)
}
