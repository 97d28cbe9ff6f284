// Whether a handler is pure: run twice on the same, it must say the same and leave what it was given as it was.
// For development and tests; it costs a second run.
import { TroupeError, messageOf } from '../errors.ts'
import { headerNames } from '../event/envelope.ts'
import type { Deciding } from './saying.ts'
import type { OutgoingRecord } from '../ports.ts'
import type { Changes } from './working-set.ts'

/** Runs something at once, under another clock and with other randomness. Given by the edge. */
export type Elsewhere = <Result>(run: () => Result) => Result

/** What a handler is run with, beside the documents, which are frozen. */
export interface PurityCheck {
  readonly elsewhere: Elsewhere
  /** `service.reaction` */
  readonly handler: string
  readonly deciding: Deciding
  /** By the name under which an error speaks of it. */
  readonly inputs: Readonly<Record<string, unknown>>
}

/**
 * Decides twice, the second time elsewhere, and returns what was decided first.
 *
 * @param run decides with what it is given, without applying anything; told which run it is
 * @throws whatever the first run throws; TroupeError `TROUPE_REACTION_IMPURE`, which names the handler and the
 *   first difference
 */
export function decideTwice<Decided extends Changes>(
  { elsewhere, handler, deciding, inputs }: PurityCheck,
  run: (deciding: Deciding, isAgain: boolean) => Decided,
): Decided {
  const before = copyOf(inputs)
  const said = new WeakMap<Uint8Array, object>()
  const noting: Deciding = {
    ...deciding,
    encode(type, data) {
      const value = deciding.encode(type, data)
      said.set(value, data)
      return value
    },
  }
  const first = run(noting, false)
  const mutated = firstDifference(before, inputs)
  if (mutated) {
    refuse(handler, `changed what it was given: ${mutated}. Copy what you want to change: it is others' too.`)
  }
  let second: Decided
  try {
    second = elsewhere(() => run(noting, true))
  } catch (cause) {
    refuse(
      handler,
      `threw only the second time that it was run on the same event: ${messageOf(cause)}`,
      cause,
    )
  }
  const difference = firstDifference(sayingsOf(first, said), sayingsOf(second, said))
  if (difference) {
    refuse(
      handler,
      `says different things when it is run twice on the same event: ${difference}. Take the time from \`timeMs\` and ids from \`id()\`, and keep nothing between two runs.`,
    )
  }
  return first
}

function refuse(handler: string, what: string, cause?: unknown): never {
  throw new TroupeError('TROUPE_REACTION_IMPURE', `${handler} is not pure. It ${what}`, {
    details: { handler },
    ...(cause === undefined ? {} : { cause }),
  })
}

/** All that a handler said, under the names that a person looks for. */
function sayingsOf(
  { documents, outbox, answer, deadlines = [] }: Changes,
  said: WeakMap<Uint8Array, object>,
): object {
  const spoken = ({ headers, value }: OutgoingRecord) => ({
    [String(headers[headerNames.type])]: value === null ? null : said.get(value),
  })
  return {
    emitted: outbox.map(spoken),
    scheduled: deadlines.map(({ name, set }) =>
      set ? { [name]: set.due, ...spoken(set.record) } : { name },
    ),
    put: Object.fromEntries([...documents].map(([name, { state }]) => [name, state])),
    answer: answer?.answer,
  }
}

/** Where two values begin to differ, and in what; undefined if they do not. Order of properties does not count. */
export function firstDifference(one: unknown, other: unknown, path = ''): string | undefined {
  if (Object.is(one, other)) return undefined
  if (ArrayBuffer.isView(one) && ArrayBuffer.isView(other)) {
    const [bytes, others] = [bytesOf(one), bytesOf(other)]
    const isSame = bytes.length === others.length && bytes.every((byte, index) => byte === others[index])
    return isSame ? undefined : differs(path, `${bytes.length} bytes`, `${others.length} other bytes`)
  }
  if (one instanceof Date && other instanceof Date && one.getTime() === other.getTime()) return undefined
  const isComparable = isTree(one) && isTree(other) && Array.isArray(one) === Array.isArray(other)
  if (!isComparable) return differs(path, shown(one), shown(other))
  const inner = path === '' || Array.isArray(one) ? '' : '.'
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const at = Array.isArray(one) ? `${path}[${name}]` : `${path}${inner}${name}`
    const found = firstDifference(one[name], other[name], at)
    if (found) return found
  }
  return undefined
}

function differs(path: string, one: string, other: string): string {
  return `${path === '' ? 'it' : path} was ${one}, then ${other}`
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && !ArrayBuffer.isView(value)
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

const shownMax = 80

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  const text =
    JSON.stringify(value, (_name, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ??
    'something'
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`
}

/** A copy of data, all the way down; what is no data is left as it is. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf)
  if (ArrayBuffer.isView(value)) return bytesOf(value).slice()
  if (value instanceof Date) return new Date(value)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copyOf(inner)]))
}
