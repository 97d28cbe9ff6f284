import type { StackAddresses } from '@troupe/testing'
import type { CaseReport } from '../report/document.ts'

/** What a process that runs cases is told, as JSON in its one argument. */
export interface Task {
  readonly names: readonly string[]
  readonly isQuick: boolean
  /** By `case.size`: what was set on the command line. */
  readonly sizes: Readonly<Record<string, number>>
  readonly addresses?: StackAddresses
}

/** What a process that runs cases tells its parent. */
export type Message =
  | { readonly kind: 'note'; readonly name: string; readonly text: string }
  | { readonly kind: 'problem'; readonly name: string; readonly text: string }
  | { readonly kind: 'measured'; readonly name: string; readonly report: CaseReport }
