import { isTroupeError, messageOf, sayable, type TroupeErrorCode } from '../errors.ts'
import { fingerprintOf } from '../event/fingerprint.ts'

/** Why an event could not be handled, as it is kept: cut to size, and fit for any database. */
export interface Failure {
  /** Undefined for bytes that could not be read. */
  readonly reaction: string | undefined
  readonly code: string
  readonly message: string
  readonly stack: string | undefined
  /** The same for failures that look the same, whatever events they happened to: `<reaction>-<hash>`. */
  readonly group: string
}

/** The code of what has not failed, and waits for calls that are not made now. */
export const callsPausedCode = 'TROUPE_CALLS_PAUSED' satisfies TroupeErrorCode

/** Why an event waits whose reaction's calls are paused: the latest of them failed, `because` of that. */
export function callsPaused(reaction: string, because: unknown): Failure {
  const said = `The calls of ${reaction} are paused: none has succeeded of late. The event waits for them; the last one said: ${messageOf(because)}`
  return {
    reaction,
    code: callsPausedCode,
    message: fitText(said, messageLengthMax),
    stack: undefined,
    group: `${reaction}-paused`,
  }
}

const messageLengthMax = 2_000
const stackLengthMax = 4_000

/** What is kept of whatever was thrown: handlers throw strings and `undefined`, too. Never throws itself. */
export function failureOf(thrown: unknown, reaction: string | undefined): Failure {
  const error = sayable(thrown)
  const message = fitText(messageOf(error), messageLengthMax)
  const stack = stackOf(error)
  return {
    reaction,
    code: isTroupeError(error) ? error.code : 'TROUPE_REACTION_FAILED',
    message,
    stack: stack === undefined ? undefined : fitText(stack, stackLengthMax),
    group: groupOf(error, message, stack, reaction),
  }
}

/**
 * By what was thrown and what it says, without that which names one event: UUIDs and anything with a digit.
 * Where it says nothing, by the function that threw.
 */
function groupOf(
  error: unknown,
  message: string,
  stack: string | undefined,
  reaction: string | undefined,
): string {
  const said = withoutNames(message)
  const what = isTroupeError(error) ? error.code : nameOf(error)
  const place = said === '' ? topFunctionOf(stack) : ''
  return `${reaction ?? 'unreadable'}-${fingerprintOf([what, said, place])}`
}

function withoutNames(message: string): string {
  return message
    .slice(0, 300)
    .replace(/[\w.:@/-]*\d[\w.:@/-]*/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
}

function nameOf(error: unknown): string {
  return error instanceof Error && typeof error.name === 'string' ? error.name : typeof error
}

/**
 * `    at reserve (file:///app/src/reserve-stock.js:10:5)`: the name, which outlives deployments; lines do not. Blanks
 * only, since a stack begins with the message: to look for the word behind each of its line ends takes minutes
 * where it is nothing else.
 */
function topFunctionOf(stack: string | undefined): string {
  return /^ *at (?:async )?([^\s(]+) \(/m.exec(stack ?? '')?.[1] ?? ''
}

function stackOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('stack' in error)) return undefined
  return typeof error.stack === 'string' ? error.stack : undefined
}

/** An error may quote the bytes that caused it: what the ledger could not keep must not hold up its event. */
function fitText(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).replace(/\0|\p{Surrogate}/gu, '\uFFFD')
}
