import { environment, run } from '@troupe/runtime'
import { tracing } from '@troupe/tracing'
import { inventory } from './inventory.ts'
import { routes } from './routes.ts'

await run(inventory, environment(), { routes, tracing })
