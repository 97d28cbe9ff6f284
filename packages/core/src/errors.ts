/**
 * Every way Troupe can refuse or fail, as one closed list. A code is stable: logs, alerts and
 * documentation refer to it. Add a line here before you throw anything new.
 */
export type TroupeErrorCode =
  // Declarations
  | 'TROUPE_DECLARATION_INVALID'
  // Events and their bytes
  | 'TROUPE_EVENT_INVALID'
  | 'TROUPE_EVENT_NOT_DECLARED'
  | 'TROUPE_EVENT_NOT_HEARD'
  | 'TROUPE_EVENT_TOO_LARGE'
  | 'TROUPE_ENVELOPE_INVALID'
  | 'TROUPE_WIRE_FORMAT_FOREIGN'
  | 'TROUPE_WIRE_FORMAT_TRUNCATED'
  | 'TROUPE_SCHEMA_ID_UNKNOWN'
  | 'TROUPE_SCHEMA_AWAITED'
  | 'TROUPE_SCHEMA_MISMATCH'
  | 'TROUPE_SCHEMA_INVALID'
  | 'TROUPE_SCHEMA_INCOMPATIBLE'
  // Reactions and documents
  | 'TROUPE_DOCUMENT_NOT_READ'
  | 'TROUPE_DOCUMENT_INVALID'
  | 'TROUPE_REACTION_FAILED'
  | 'TROUPE_REACTION_ASYNC'
  | 'TROUPE_PERFORMED_INVALID'
  | 'TROUPE_CALLS_PAUSED'
  | 'TROUPE_REACTION_IMPURE'
  | 'TROUPE_STEP_DONE_TWICE'
  | 'TROUPE_EVENT_LETHAL'
  | 'TROUPE_SCHEDULE_INVALID'
  | 'TROUPE_TRANSACTION_MISUSED'
  | 'TROUPE_COMMAND_UNKNOWN'
  | 'TROUPE_COMMAND_INPUT_INVALID'
  | 'TROUPE_IDEMPOTENCY_KEY_REUSED'
  | 'TROUPE_IDEMPOTENCY_KEY_INVALID'
  | 'TROUPE_OVERLOADED'
  // The ledger
  | 'TROUPE_FENCED'
  | 'TROUPE_CONFLICT'
  | 'TROUPE_LEDGER_NEWER'
  | 'TROUPE_LEDGER_ALTERED'
  | 'TROUPE_POSITION_OUT_OF_RANGE'
  | 'TROUPE_RECORD_CORRUPT'
  // The world around a service
  | 'TROUPE_SETTING_INVALID'
  | 'TROUPE_KAFKA_UNREACHABLE'
  | 'TROUPE_CONSUMER_STALLED'
  | 'TROUPE_REGISTRY_UNREACHABLE'
  | 'TROUPE_DATABASE_UNREACHABLE'
  | 'TROUPE_DATABASE_FULL'
  | 'TROUPE_TOPIC_MISSING'
  | 'TROUPE_TOPIC_MISMATCH'
  | 'TROUPE_ACCESS_DENIED'
  | 'TROUPE_STOPPED'
  // Tests
  | 'TROUPE_EXPECTATION_FAILED'
  | 'TROUPE_STACK_UNAVAILABLE'
  // The command line and the ecosystem that it runs
  | 'TROUPE_SERVICE_NOT_FOUND'
  | 'TROUPE_SERVICE_DIED'
  | 'TROUPE_SAGA_OVERDUE'
  | 'TROUPE_HTTP_UNEXPECTED'

const brand = Symbol.for('troupe.error')

export interface TroupeErrorOptions {
  readonly cause?: unknown
  /** Facts for machines and logs. Never secrets, never whole payloads. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** The only error class of Troupe. Recognise it by {@link isTroupeError}, never by `instanceof`. */
export class TroupeError extends Error {
  override readonly name = 'TroupeError'
  readonly code: TroupeErrorCode
  readonly details: Readonly<Record<string, unknown>>

  /** `message` says what happened, to which event or setting, and what to do next. */
  constructor(code: TroupeErrorCode, message: string, options: TroupeErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.details = options.details ?? {}
    Object.defineProperty(this, brand, { value: true })
  }
}

/** True for a TroupeError of any copy of this package, optionally only for one `code`. */
export function isTroupeError(error: unknown, code?: TroupeErrorCode): error is TroupeError {
  if (typeof error !== 'object' || error === null) return false
  try {
    return brand in error && (code === undefined || (error as unknown as TroupeError).code === code)
  } catch {
    // A proxy that does not want to be looked at is nobody's.
    return false
  }
}

/** What an error says, whatever was thrown: handlers throw strings and `undefined` too. Never throws itself. */
export function messageOf(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null && 'message' in error) {
      const { message } = error
      if (typeof message === 'string') return message
    }
    return String(error)
  } catch {
    return unsayable
  }
}

const unsayable = 'something that cannot be printed'
/** Whoever prints an error prints its causes, each within the one before. */
const causesMax = 100

/**
 * What a handler threw, as something that can be logged and looked at: itself, unless what it holds throws when
 * it is read (a getter, a proxy), or its causes have no end.
 */
export function sayable(thrown: unknown): unknown {
  try {
    const seen = new Set<unknown>()
    for (let one = thrown; typeof one === 'object' && one !== null && !seen.has(one); ) {
      if (seen.size === causesMax) return new Error(messageOf(thrown))
      seen.add(one)
      void (one instanceof Error)
      const held: Record<string, unknown> = one as Record<string, unknown>
      for (const name of [...namesOfErrors, ...Object.keys(held)]) void held[name]
      one = held['cause']
    }
    return thrown
  } catch {
    return new Error(messageOf(thrown))
  }
}

const namesOfErrors = ['name', 'message', 'stack', 'code']
