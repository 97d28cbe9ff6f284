import { environment, run } from '@troupe/runtime'
import { tracing } from '@troupe/tracing'
import { payment } from './payment.ts'
import { routes } from './routes.ts'

await run(payment, environment(), { routes, tracing })
