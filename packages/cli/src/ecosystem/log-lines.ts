/** A line that a service wrote, for people. */
export interface ServiceLine {
  readonly service: string
  readonly level: string
  readonly text: string
}

const levels: ReadonlyMap<unknown, string> = new Map([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [40, 'warn'],
  [50, 'error'],
  [60, 'fatal'],
])

/** Fields of a pino line that a person does not miss. */
const omitted = new Set(['level', 'time', 'msg', 'service', 'pid', 'hostname', 'v'])
const lineLengthMax = 2_000

/** Reads a line of a service's output: pino's JSON in words, anything else as it is. */
export function serviceLine(service: string, line: string): ServiceLine {
  const fields = parsed(line)
  if (!fields) return { service, level: 'error', text: line.slice(0, lineLengthMax) }
  const facts = Object.entries(fields).filter(([name]) => !omitted.has(name))
  const message = typeof fields['msg'] === 'string' ? fields['msg'] : ''
  const text = [message, ...facts.map(([name, value]) => fact(name, value))].join('  ')
  return { service, level: levels.get(fields['level']) ?? 'info', text: text.slice(0, lineLengthMax) }
}

/** Splits chunks into lines; a line longer than `lengthMax` is cut, so that nothing grows without end. */
export function lineSplitter(onLine: (line: string) => void, lengthMax = 65_536): (chunk: string) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(0, lengthMax)
    for (const line of lines) if (line.trim() !== '') onLine(line)
  }
}

function parsed(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function fact(name: string, value: unknown): string {
  if (typeof value === 'object' && value !== null && 'stack' in value) return String(value.stack)
  return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
}
