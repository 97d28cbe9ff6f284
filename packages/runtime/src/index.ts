export {
  createService,
  type ListPage,
  type Progress,
  type RunningService,
  type ServiceOptions,
  type ServiceState,
  type Status,
} from './create-service.ts'
export { type DecideCommandOptions, isPassing } from './decider.ts'
export type { DependencyName, DependencyState } from './dependencies.ts'
export { type Environment, environment, type Settings } from './environment.ts'
export type { Routes } from './http.ts'
export { deriveId } from './ids.ts'
export { run, type RunOptions } from './run.ts'
export {
  checked,
  notFoundHandler,
  type Problem,
  problem,
  problemHandler,
  type ProblemPlace,
  sendProblem,
} from './problem.ts'
export { pageAs, pageOf, type PageOf, type Readable, readOr404 } from './queries.ts'
