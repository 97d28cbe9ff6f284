// A service as a process whose reaction takes all memory there is, for one kind of event. Run from `dist`.
import { ecosystem } from './ecosystem.test.kit.ts'
import { environment } from './environment.ts'
import { run } from './run.ts'

await run(ecosystem('lethal').bank, environment())
