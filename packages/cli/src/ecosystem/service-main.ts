import { TroupeError } from '@troupe/core'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** A service of the ecosystem: its name, and the module that runs it as a process. */
export interface ServiceSpec {
  readonly name: string
  readonly main: string
}

/** The order story's services, in the order in which a saga meets them. */
export const storyServiceNames = ['order', 'payment', 'inventory', 'shipping'] as const

/**
 * Where the order story's services are.
 *
 * @throws TroupeError `TROUPE_SERVICE_NOT_FOUND` if one is not installed or not built
 */
export function storyServices(): readonly ServiceSpec[] {
  return storyServiceNames.map(specOf)
}

/** Where the payment gateway is, which stands for somebody else's and is none of the story's services. @throws as {@link storyServices} */
export function paymentGateway(): ServiceSpec {
  return specOf('gateway')
}

function specOf(name: string): ServiceSpec {
  const require = createRequire(import.meta.url)
  const main = join(dirname(require.resolve(`@troupe-demo/${name}/package.json`)), 'dist', 'main.js')
  if (!existsSync(main)) {
    throw new TroupeError(
      'TROUPE_SERVICE_NOT_FOUND',
      `The service ${name} is not built: ${main} does not exist. Run: npx -y pnpm@10.34.9 build`,
    )
  }
  return { name, main }
}
