import { environment, run } from '@troupe/runtime'
import { shipping } from './shipping.ts'
import { routes } from './routes.ts'

await run(shipping, environment(), { routes })
