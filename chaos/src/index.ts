export type { Violation } from './checks/violation.ts'
