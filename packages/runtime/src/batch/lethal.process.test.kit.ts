// A service as a process whose reaction takes all memory there is, for one kind of event. Run from `dist`.
import { ecosystem } from '../kits/ecosystem.test.kit.ts'
import { environment } from '../settings/environment.ts'
import { run } from '../service/run.ts'

await run(ecosystem('lethal').bank, environment())
