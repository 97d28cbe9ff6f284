/** The closed list of what can go wrong when a part of the stack starts, runs or stops. */
export type EmbeddedErrorCode =
  /** An option has a value that cannot work; the message names it. */
  | 'BAD_OPTION'
  /** Another living process has opened the folder; the message names its pid. */
  | 'FOLDER_IN_USE'
  /** The folder cannot be made, written to, or entered by the user the server runs as. */
  | 'FOLDER_UNUSABLE'
  /** What the folder holds was written by another version, or is damaged. */
  | 'FOLDER_MISMATCH'
  /** The port asked for is taken. */
  | 'PORT_TAKEN'
  /** There are no PostgreSQL binaries for this platform, or they cannot be executed. */
  | 'BINARIES_UNUSABLE'
  /** PostgreSQL did not come up; the message carries the end of its log. */
  | 'POSTGRES_NOT_STARTED'
  /** The part has been stopped and cannot be used any more. */
  | 'STOPPED'

/** An error of the embedded stack: what happened, to which thing, and what to do next. */
export class EmbeddedError extends Error {
  readonly code: EmbeddedErrorCode

  constructor(code: EmbeddedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EmbeddedError'
    this.code = code
  }
}

/**
 * The text of anything that was thrown. Errors are known by their shape: under a test runner that gives
 * each test file globals of its own, Node's errors are not instances of this file's `Error`.
 */
export function messageOf(error: unknown): string {
  const message = propertyOf(error, 'message')
  return typeof message === 'string' ? message : String(error)
}

/** The `code` of a failed system call, such as `ENOENT`; undefined for any other value. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = propertyOf(error, 'code')
  return typeof code === 'string' ? code : undefined
}

/** A property of something thrown, if it has it. */
export function propertyOf(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[name] : undefined
}
