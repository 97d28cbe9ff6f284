import { fastify, type FastifyInstance } from 'fastify'
import { EmbeddedError, messageOf, propertyOf, systemCodeOf } from '../embedded-error.ts'
import type { EmbeddedLog } from '../stack/log.ts'
import { RegistryError } from './registry-error.ts'
import { addRoutes } from './routes.ts'
import { emptyState } from './state.ts'
import { openStore } from './store.ts'

export interface RegistryOptions {
  /** Where to listen; `127.0.0.1` unless given. */
  host?: string
  /** 0, the default, takes any free port. */
  port?: number
  /** Keeps the schemas in this folder; in memory only unless given. */
  dir?: string
  /** What went wrong inside, for a person. */
  log?: EmbeddedLog
}

/** A Schema Registry that answers on `url`. */
export interface EmbeddedRegistry {
  readonly url: string
  readonly host: string
  readonly port: number
  /** Forgets everything, as a registry does whose storage was lost: ids begin anew. */
  empty(): Promise<void>
  /** Answers what is being asked, stops listening, gives the folder free. Harmless when called twice. */
  stop(): Promise<void>
}

/** What the registry says its answers are. */
export const contentType = 'application/vnd.schemaregistry.v1+json'
const bodyBytesMax = 1024 * 1024
/** Java's clients send the first, others plain JSON, some tools nothing better than bytes. */
const acceptedTypes = [contentType, 'application/vnd.schemaregistry+json', 'application/octet-stream']

/**
 * Starts a Schema Registry with the HTTP API of Confluent's.
 * @throws EmbeddedError PORT_TAKEN, BAD_OPTION, FOLDER_IN_USE, FOLDER_UNUSABLE, FOLDER_MISMATCH
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<EmbeddedRegistry> {
  const { host = '127.0.0.1', port = 0, dir, log = () => {} } = options
  const store = await openStore(dir)
  const server = createServer(log)
  addRoutes(server, store)
  try {
    await server.listen({ host, port })
  } catch (error) {
    await server.close()
    await store.close()
    throw notListening(host, port, error)
  }
  const address = server.server.address()
  const actualPort = typeof address === 'object' && address !== null ? address.port : port
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  let stopped: Promise<void> | undefined
  return {
    url: `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${actualPort}`,
    host,
    port: actualPort,
    empty: () => store.change(() => ({ state: emptyState, answer: undefined })),
    stop: () => {
      stopped ??= server.close().then(() => store.close())
      return stopped
    },
  }
}

function createServer(log: EmbeddedLog): FastifyInstance {
  const server = fastify({
    bodyLimit: bodyBytesMax,
    // Clients keep connections open; a stop must not wait for them.
    forceCloseConnections: true,
    // Subjects may be long, and hold slashes when they are encoded.
    routerOptions: { maxParamLength: 1000, ignoreTrailingSlash: true },
  })
  for (const type of acceptedTypes) {
    server.addContentTypeParser(type, { parseAs: 'string' }, server.getDefaultJsonParser('error', 'ignore'))
  }
  server.addHook('onSend', async (_request, reply, payload) => {
    void reply.header('content-type', contentType)
    return payload
  })
  server.setNotFoundHandler((_request, reply) => {
    void reply.code(404).send({ error_code: 404, message: 'HTTP 404 Not Found' })
  })
  server.setErrorHandler((error, request, reply) => {
    const { status, code, message } = answerFor(error)
    if (status >= 500) log('error', `The registry failed at ${request.method} ${request.url}: ${message}`)
    void reply.code(status).send({ error_code: code, message })
  })
  return server
}

function answerFor(error: unknown): { status: number; code: number; message: string } {
  if (error instanceof RegistryError)
    return { status: error.status, code: error.code, message: error.message }
  // What fastify itself refuses (body too large, not JSON, wrong content type) carries its status.
  const status = Number(propertyOf(error, 'statusCode') ?? 500)
  if (status >= 400 && status < 500) return { status, code: status, message: messageOf(error) }
  return { status: 500, code: 50001, message: messageOf(error) }
}

function notListening(host: string, port: number, error: unknown): EmbeddedError {
  if (systemCodeOf(error) === 'EADDRINUSE') {
    return new EmbeddedError(
      'PORT_TAKEN',
      `Port ${port} on ${host} is taken. Stop what listens there, choose another port, or leave it out for any free one.`,
      { cause: error },
    )
  }
  return new EmbeddedError(
    'BAD_OPTION',
    `The registry cannot listen on ${host}:${port}: ${messageOf(error)}.`,
    {
      cause: error,
    },
  )
}
