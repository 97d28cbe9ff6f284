import { inCausalOrder, knownAtMs, outcomeOf, type Saga, type SeenEvent } from '../observe/saga.ts'
import type { Colors } from '../terminal/terminal.ts'
import type { Cast } from './cast.ts'

const msWidth = 6
const gap = '  '

/** The heading over the columns of {@link sagaLine}. */
export function sagaHeading({ widths }: Cast, colors: Colors): string {
  return colors.dim(
    [
      'ms'.padStart(msWidth),
      'service'.padEnd(widths.service),
      'hears'.padEnd(widths.event),
      'does'.padEnd(widths.deed),
      'says',
    ].join(gap),
  )
}

/** One event of a saga on one line: after how long, who, on hearing what, did what, and said what. */
export function sagaLine(
  one: SeenEvent,
  saga: Saga,
  { cast, colors, baseMs }: { readonly cast: Cast; readonly colors: Colors; readonly baseMs: number },
): string {
  const { event } = one
  const { widths } = cast
  const cause = saga.events.find((other) => other.event.id === event.causationId)?.event.type
  const deed = cast.deedOf(event, cause)
  const isRoot = event.causationId === undefined
  const heard = (isRoot ? 'POST /orders' : (cause ?? '?')).padEnd(widths.event)
  const did = `${deed.isUndo ? '↶ ' : '  '}${deed.name}`.padEnd(widths.deed)
  return [
    String(Math.max(0, Math.round(knownAtMs(one, saga) - baseMs))).padStart(msWidth),
    cast.paint(event.source, event.source.padEnd(widths.service), colors),
    colors.dim(heard),
    deed.isUndo ? colors.yellow(did) : did,
    said(event.type, cast, colors) + reasonOf(one, colors),
  ].join(gap)
}

/** A whole saga on one line. */
export function sagaSummary(
  saga: Saga,
  { colors, baseMs }: { readonly colors: Colors; readonly baseMs: number },
): string {
  const outcome = outcomeOf(saga)
  const last = inCausalOrder(saga.events).at(-1)
  const ms = String(Math.max(0, Math.round((last?.seenAtMs ?? baseMs) - baseMs))).padStart(msWidth)
  const word = outcome === 'completed' ? colors.green(outcome) : colors.yellow(outcome ?? 'open')
  return `${ms}${gap}${colors.dim('order')} ${shortId(saga.id)} ${word} ${colors.dim(`after ${saga.events.length} events`)}`
}

/** Enough of an id to tell the few on a screen apart. */
export function shortId(id: string): string {
  return id.slice(0, 8)
}

/** A failure is red, an end is green or yellow, everything else as it is. */
function said(type: string, cast: Cast, colors: Colors): string {
  if (type.endsWith('Failed')) return colors.red(type)
  if (!cast.isEnd(type)) return type
  return colors.bold(type.endsWith('Completed') ? colors.green(type) : colors.yellow(type))
}

/** Why, where it is first said. */
function reasonOf({ event }: SeenEvent, colors: Colors): string {
  if (!event.type.endsWith('Failed') || !('reason' in event.data)) return ''
  return colors.dim(`  ${String(event.data.reason).slice(0, 100)}`)
}
