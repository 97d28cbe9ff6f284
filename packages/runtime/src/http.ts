import type { Log } from '@troupe/core'
import { messageOf, TroupeError } from '@troupe/core'
import { fastify } from 'fastify'
import { jsonBody } from './json-body.ts'
import type { Metrics } from './metrics.ts'
import { answerUnreadable, notFoundHandler, problem, problemHandler } from './problem.ts'
import { isOpen, type Routes, type RunningService } from './running-service.ts'
import { traceRequests } from './tracing-http.ts'

export interface HttpServer {
  readonly url: string
  /** Takes no more requests, lets those under way end, and cuts off those that have not by `graceMs`. */
  close(options: { readonly graceMs: number }): Promise<void>
}

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
  { host, port }: { readonly host: string; readonly port: number },
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
  const failed = problemHandler(log)
  const http = fastify({
    bodyLimit: bodyBytesMax,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    frameworkErrors: failed,
    clientErrorHandler: answerUnreadable,
  })
  http.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => jsonBody(body),
  )
  http.setErrorHandler(failed)
  http.setNotFoundHandler(notFoundHandler)
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
  try {
    await http.ready()
    await http.listen({ host, port })
  } catch (cause) {
    await http.close()
    if (!isAddressError(cause)) throw cause
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `HTTP cannot listen on ${host}:${port}: ${messageOf(cause)}. Free the port or set HTTP_ADDRESS to another.`,
      {
        cause,
      },
    )
  }
  const listening = http.server.address()
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${typeof listening === 'object' && listening ? listening.port : port}`
  log.debug({ url }, 'http listens')
  return {
    url,
    async close({ graceMs }) {
      const cut = setTimeout(() => http.server.closeAllConnections(), graceMs)
      try {
        await http.close()
      } finally {
        clearTimeout(cut)
      }
    },
  }
}

/** What the operating system says of an address, in contrast to what a route's declaration throws. */
function isAddressError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error
}
