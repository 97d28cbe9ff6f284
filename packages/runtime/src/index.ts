export type { BackPressure } from './batch/back-pressure.ts'
export { createService, type ServiceOptions } from './service/create-service.ts'
export type {
  ListPage,
  Progress,
  Routes,
  RunningService,
  ServiceState,
  Status,
} from './service/running-service.ts'
export { type DecideCommandOptions, isPassing } from './batch/decider.ts'
export type { DependencyName, DependencyState } from './service/dependencies.ts'
export { type Environment, environment, type Settings, withProblems } from './settings/environment.ts'
export { type KafkaTls, secureSettings } from './settings/secure-settings.ts'
export { elsewhere } from './batch/elsewhere.ts'
export { deriveId } from './batch/ids.ts'
export { run, type RunOptions, type StartTracing } from './service/run.ts'
export {
  checked,
  notFoundHandler,
  type Problem,
  problem,
  problemHandler,
  type ProblemPlace,
  sendProblem,
} from './http/problem.ts'
export { pageAs, pageOf, type PageOf, type Readable, readOr404 } from './http/queries.ts'
