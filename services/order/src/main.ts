import { environment, run } from '@troupe/runtime'
import { order } from './order.ts'
import { routes } from './routes.ts'

await run(order, environment(), { routes })
