/** Something that must never be so. */
export interface Violation {
  /** The check that found it. */
  readonly check: string
  /** What is wrong, and where, for a person. */
  readonly text: string
}
