export {
  type Checked,
  type Scenario,
  specify,
  type SpecifyOptions,
  type Unchecked,
  type WhenOptions,
} from './given.ts'
export {
  specifyOn,
  type SpecifyOnOptions,
  type TableChecked,
  type TableScenario,
  type TableSpecification,
  type TableUnchecked,
} from './given-tables.ts'
export { type ExpectedEvent, type Like, like } from './given-like.ts'
export { type Expected, type Later, later, type Lifted, lifted } from './given-later.ts'
export type { Ending } from './given-world.ts'
export { serviceTable } from './service-table.ts'
export { EventTestHarness, type ExpectOptions, type HarnessOptions, type PublishOptions } from './harness.ts'
export type { Part } from './match.ts'
export type { Seen } from './recorder.ts'
export { connectStack, type StackAddresses } from './stack/connect-stack.ts'
export type { Stack, StackName } from './stack/stack.ts'
