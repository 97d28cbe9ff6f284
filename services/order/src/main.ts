import { environment, run } from '@troupe/runtime'
import { tracing } from '@troupe/tracing'
import { order } from './order.ts'
import { routes } from './routes.ts'

await run(order, environment(), { routes, tracing })
