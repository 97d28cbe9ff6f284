/** What rows are dated and numbered by. */
export interface Numbers {
  /** The ledger's own clock, which is a database's in production. */
  readonly nowMs: () => number
  /** Goes up with every row. */
  readonly nextSeq: () => bigint
}
