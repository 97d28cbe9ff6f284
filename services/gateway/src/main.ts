import { startGateway } from './start-gateway.ts'

const address = process.env['HTTP_ADDRESS'] || '127.0.0.1:8090'
const file = process.env['GATEWAY_FILE'] || undefined
const place = /^(?<host>\[[0-9a-fA-F:]+\]|[^\s:,/]+):(?<port>\d{1,5})$/.exec(address)?.groups
if (!place || Number(place['port']) > 65_535) {
  process.stderr.write(`gateway cannot start:\n  - HTTP_ADDRESS: "${address}" is not host:port\n`)
  process.exit(1)
}

const gateway = await startGateway({
  host: (place['host'] ?? '').replace(/^\[|\]$/g, ''),
  port: Number(place['port']),
  ...(file === undefined ? {} : { file }),
}).catch((error: unknown) => {
  process.stderr.write(`gateway cannot start:\n  - ${String(error)}\n`)
  process.exit(1)
})
const stop = () => void gateway.stop().then(() => process.exit(0))
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
// Whoever started it with an IPC channel is told where it listens, and takes it along when he goes.
process.once('disconnect', stop)
process.send?.({ troupe: 'running', http: gateway.url })
if (!process.send) process.stdout.write(`gateway listens on ${gateway.url}\n`)
