// Jest's `globalSetup`: one stack for all test files of a run.
//
// With `TROUPE_STACK=testcontainers` it starts the containers once, and tells the test files, through the
// environment that they inherit, to use them from outside. With any other value it does nothing.
//
// Invariants
// 1. Whatever comes, the containers end: after the last test Jest calls `global-teardown`, also when tests
//    failed; an interrupt ends them in `shared-stack`; after anything worse Testcontainers' reaper does.

import { chosenName } from '../stack/choose-stack.ts'
import { startRealStack } from '../testcontainers/start-real-stack.ts'
import { keep } from './shared-stack.ts'

/** Jest asks for a default export. */
// oxlint-disable-next-line import/no-default-export -- Jest's contract of a globalSetup module
export default async function globalSetup(): Promise<void> {
  if (chosenName() !== 'testcontainers') return
  const print = (message: string) => void process.stderr.write(`${message}\n`)
  const stack = await startRealStack({ log: print })
  Object.assign(process.env, stack.environment)
  keep(stack, print)
}
