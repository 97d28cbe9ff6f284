export { type RealStack, type RealStackOptions, startRealStack } from './start-real-stack.ts'
export type { PartOptions } from './images.ts'
export type { PostgresPartOptions } from './postgres.ts'
export { type DockerProblem, dockerProblem } from './docker-problem.ts'
