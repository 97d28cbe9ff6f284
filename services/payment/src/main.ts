import { environment, run, withProblems } from '@troupe/runtime'
import { tracing } from '@troupe/tracing'
import { gatewayOf } from './gateway.ts'
import { paymentThrough } from './payment.ts'
import { routes } from './routes.ts'

const { gateway, problems } = gatewayOf(process.env)
await run(paymentThrough(gateway), withProblems(environment(), problems), { routes, tracing })
