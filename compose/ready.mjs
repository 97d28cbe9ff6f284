// The health check of a service's container: asks the service itself whether it can work, and says what it
// waits for if it cannot (`docker inspect --format '{{json .State.Health}}' CONTAINER`).
import { get } from 'node:http'

const timeoutMs = 3_000
const port = Number(/:(\d+)$/.exec(process.env.HTTP_ADDRESS ?? '')?.[1] ?? 8080)

const request = get({ host: '127.0.0.1', port, path: '/readyz', timeout: timeoutMs }, (response) => {
  response.pipe(process.stdout)
  process.exitCode = response.statusCode === 200 ? 0 : 1
})
request.once('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)))
request.once('error', (error) => {
  process.stderr.write(`/readyz on port ${port}: ${error.message}\n`)
  process.exitCode = 1
})
