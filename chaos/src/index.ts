export { type CheckOptions, checks, judge, type Verdict, type Violation } from './checks/check.ts'
export type { Facts } from './checks/facts.ts'
