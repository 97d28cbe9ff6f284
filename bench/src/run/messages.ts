import type { CaseReport } from '../report/document.ts'

/** What a process that runs cases tells its parent. */
export type Message =
  | { readonly kind: 'note'; readonly name: string; readonly text: string }
  | { readonly kind: 'problem'; readonly name: string; readonly text: string }
  | { readonly kind: 'measured'; readonly name: string; readonly report: CaseReport }
