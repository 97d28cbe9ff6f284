// What the admin API lists, as its OpenAPI document has it.

export interface Failure {
  readonly reaction: string | null
  readonly code: string
  readonly message: string
  readonly stack: string | null
  readonly group: string
}

export interface Letter {
  readonly id: string
  readonly topic: string
  readonly partition: number
  readonly offset: string
  /** How often the topic had been made again; absent from services of an older version. */
  readonly life?: number
  readonly key: string
  readonly state: 'open' | 'redriven' | 'discarded'
  readonly event: {
    readonly source: string
    readonly id: string
    readonly type: string
    readonly saga: string
  } | null
  readonly failure: Failure
  readonly attempts: number
  readonly redrives: number
  readonly firstFailedAt: string
  readonly lastFailedAt: string
  readonly bytes: number
}

export interface RecordRead {
  readonly offset: string
  readonly life?: number
  readonly headers: Readonly<Record<string, string>>
  readonly value: string | null
  readonly timestamp: string
  readonly data: unknown
  readonly unreadable: string | null
}

export type LetterWhole = Letter & RecordRead

export interface Group {
  readonly group: string
  readonly reaction: string | null
  readonly code: string
  readonly message: string
  readonly count: number
  readonly firstFailedAt: string
  readonly lastFailedAt: string
}

export interface ParkedKey {
  readonly topic: string
  readonly partition: number
  readonly key: string
  readonly state: 'waiting' | 'paused' | 'held'
  readonly events: number
  readonly bytes: number
  readonly since: string
  readonly nextAt: string | null
  readonly attempts: number
  readonly failure: Failure | null
  readonly firstFailedAt: string | null
  readonly lastFailedAt: string | null
  readonly deadLetter: string | null
}

export type ParkedRecord = RecordRead & { readonly event: Letter['event'] }

export interface Action {
  readonly at: string
  readonly by: string
  readonly reason: string
  readonly did: string
  readonly count: number
  /** Absent from services of an older version. */
  readonly portions?: number
}
