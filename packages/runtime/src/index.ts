export type { BackPressure } from './back-pressure.ts'
export { createService, type ServiceOptions } from './create-service.ts'
export type { ListPage, Progress, Routes, RunningService, ServiceState, Status } from './running-service.ts'
export { type DecideCommandOptions, isPassing } from './decider.ts'
export type { DependencyName, DependencyState } from './dependencies.ts'
export { type Environment, environment, type Settings, withProblems } from './environment.ts'
export { type KafkaTls, secureSettings } from './secure-settings.ts'
export { elsewhere } from './elsewhere.ts'
export { deriveId } from './ids.ts'
export { run, type RunOptions, type StartTracing } from './run.ts'
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
