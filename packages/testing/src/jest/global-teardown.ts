import { letGo } from './shared-stack.ts'

/** Jest's `globalTeardown` to `global-setup`: runs after the last test, also when tests failed. */
// oxlint-disable-next-line import/no-default-export -- Jest's contract of a globalTeardown module
export default async function globalTeardown(): Promise<void> {
  await letGo()
}
