// The till as a process of its own, with the settings of any service.
import { environment, run } from '@troupe/runtime'
import { till } from './till.ts'

await run(till, environment())
