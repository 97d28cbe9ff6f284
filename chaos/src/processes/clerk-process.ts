// The clerk as a process of its own, with the settings of any service.
import { environment, run } from '@troupe/runtime'
import { clerk } from '../clerk/clerk.ts'

await run(clerk, environment())
