import { type Log, messageOf, nameLengthMax, TroupeError } from '@troupe/core'
import { fastify, type FastifyInstance } from 'fastify'
import { jsonBody } from './json-body.ts'
import { answerUnreadable, notFoundHandler, problemHandler } from './problem.ts'

export interface HttpServer {
  readonly url: string
  /** Takes no more requests, lets those under way end, and cuts off those that have not by `graceMs`. */
  close(options: { readonly graceMs: number }): Promise<void>
}

export interface HttpPlace {
  readonly host: string
  readonly port: number
}

/** Each character of a name may be escaped as several. */
const paramLengthMax = 12 * nameLengthMax

/** A server that answers whatever goes wrong with a problem (RFC 9457), and takes JSON bodies up to a size. */
export function createHttp(log: Log, bodyBytesMax: number): FastifyInstance {
  const failed = problemHandler(log)
  const http = fastify({
    bodyLimit: bodyBytesMax,
    forceCloseConnections: 'idle',
    // Fastify's own is 100, less than a name may have; what is in no name is refused by the route.
    routerOptions: { maxParamLength: paramLengthMax },
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
  return http
}

/**
 * @param setting the one that names the place
 * @throws TroupeError `TROUPE_SETTING_INVALID` if it cannot listen there
 */
export async function listenOn(
  http: FastifyInstance,
  { host, port }: HttpPlace,
  { setting, log }: { readonly setting: string; readonly log: Log },
): Promise<HttpServer> {
  try {
    await http.ready()
    await http.listen({ host, port })
  } catch (cause) {
    await http.close()
    if (!isAddressError(cause)) throw cause
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `HTTP cannot listen on ${host}:${port}: ${messageOf(cause)}. Free the port or set ${setting} to another.`,
      { cause },
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
