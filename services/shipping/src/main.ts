import { environment, run } from '@troupe/runtime'
import { tracing } from '@troupe/tracing'
import { shipping } from './shipping.ts'
import { routes } from './routes.ts'

await run(shipping, environment(), { routes, tracing })
