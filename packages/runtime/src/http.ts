import type { Log } from '@troupe/core'
import { messageOf, TroupeError } from '@troupe/core'
import { type FastifyInstance, fastify } from 'fastify'
import type { RunningService } from './create-service.ts'

/** Registers a service's own routes. */
export type Routes = (http: FastifyInstance, running: RunningService) => void | Promise<void>

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

const bodyBytesMax = 262_144

/**
 * Serves `/livez`, `/readyz` and the service's own routes.
 *
 * `/livez` says that the process can answer at all; `/readyz` answers 503 until the service runs and
 * while a dependency is away, and says which one and since when.
 */
export async function serveHttp(
  running: RunningService,
  { host, port }: { readonly host: string; readonly port: number },
  { log, routes }: { readonly log: Log; readonly routes?: Routes },
): Promise<HttpServer> {
  const http = fastify({ bodyLimit: bodyBytesMax, forceCloseConnections: 'idle', return503OnClosing: true })
  http.get('/livez', () => ({ status: 'ok' }))
  http.get('/readyz', (_request, reply) => {
    const { isReady, state, dependencies } = running.status()
    const since = Object.fromEntries(
      Object.entries(dependencies).map(([name, { state: its, sinceMs, error }]) => [
        name,
        { state: its, since: new Date(sinceMs).toISOString(), ...(error === undefined ? {} : { error }) },
      ]),
    )
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isReady ? 'ok' : 'unavailable', state, dependencies: since })
  })
  await routes?.(http, running)
  try {
    await http.listen({ host, port })
  } catch (cause) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `HTTP cannot listen on ${host}:${port}: ${messageOf(cause)}. Free the port or set HTTP_ADDRESS to another.`,
      {
        cause,
      },
    )
  }
  const [address] = http.addresses()
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address?.port ?? port}`
  log.debug({ url }, 'http listens')
  return { url, close: () => http.close() }
}
