// A service as a process, for tests of what signals and uncaught errors do to it. Run from `dist`.
import { ecosystem } from './ecosystem.test.kit.ts'
import { environment } from '../settings/environment.ts'
import { run } from '../service/run.ts'

const { bank } = ecosystem('process')

await run(bank, environment(), {
  routes(http) {
    http.post('/throw', async () => {
      setImmediate(() => {
        throw new Error('nobody caught this')
      })
      return {}
    })
    http.post('/reject', async () => {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever libraries do
      void Promise.reject(undefined)
      return {}
    })
    http.get('/never', () => {
      process.send?.({ asked: '/never' })
      return new Promise(() => {})
    })
  },
})
