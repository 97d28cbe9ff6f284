import { environment, run } from '@troupe/runtime'
import { payment } from './payment.ts'
import { routes } from './routes.ts'

await run(payment, environment(), { routes })
