import { coreMutants, demoMutants, kafkaMutants } from './core-mutants.ts'
import type { Mutant } from './mutant.ts'
import { postgresMutants, runtimeMutants } from './runtime-mutants.ts'

/** Every bug that there is to plant. Two bugs of one line are two mutants: each is planted alone. */
export const mutants: readonly Mutant[] = [
  ...runtimeMutants,
  ...coreMutants,
  ...kafkaMutants,
  ...postgresMutants,
  ...demoMutants,
]
