import type { Log } from '@troupe/core'
import { createHttp, type HttpPlace, type HttpServer, listenOn } from './http-server.ts'
import type { Metrics } from '../observe/metrics.ts'
import { problem } from './problem.ts'
import { isOpen, type Routes, type RunningService } from '../service/running-service.ts'
import { traceRequests } from '../observe/tracing-http.ts'

const bodyBytesMax = 262_144

/**
 * Serves `/livez`, `/readyz`, `/metrics` and the service's own routes.
 *
 * `/livez` says that the process can answer at all; `/readyz` answers 503 until the service runs, while the
 * database or Kafka is away, while a partition is halted, while commands are held back, and while a schema
 * that the service needs is not registered; it says which dependency answers, since when, and which schemas
 * wait. An open breaker is told of, and does not make it unready: what calls the outside waits by itself.
 * `/metrics` answers in every state.
 */
export async function serveHttp(
  running: RunningService,
  place: HttpPlace,
  {
    log,
    metrics,
    routes,
    isTraced = false,
  }: {
    readonly log: Log
    readonly metrics?: Metrics
    readonly routes?: Routes
    readonly isTraced?: boolean
  },
): Promise<HttpServer> {
  const http = createHttp(log, bodyBytesMax)
  http.get('/livez', () => ({ status: 'ok' }))
  http.get('/readyz', (_request, reply) => {
    const { isReady, state, halted, backPressure, dependencies, schemas, breakers, parked } = running.status()
    const since = Object.fromEntries(
      Object.entries(dependencies).map(([name, { state: its, sinceMs, error }]) => [
        name,
        { state: its, since: new Date(sinceMs).toISOString(), ...(error === undefined ? {} : { error }) },
      ]),
    )
    const { sinceMs, ...pressure } = backPressure
    const outbox = {
      ...pressure,
      ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
    }
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? 'ok' : 'unavailable',
      state,
      halted,
      outbox,
      dependencies: since,
      schemas,
      breakers,
      parked,
    })
  })
  if (metrics) {
    http.get('/metrics', async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    )
  }
  void http.register(async (own) => {
    traceRequests(own, { service: running.service.name, isTraced })
    // It listens before the service runs, so that the health checks can say what it waits for.
    own.addHook('onRequest', async () => {
      const { state } = running
      if (!isOpen(state))
        throw problem({ status: 503, detail: `${running.service.name} is ${state}. Ask again in a moment.` })
    })
    await routes?.(own, running)
  })
  return listenOn(http, place, { setting: 'HTTP_ADDRESS', log })
}
