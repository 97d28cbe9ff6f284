// The desk of whoever operates a service: what it has set aside, over HTTP, on a listener of its own.
//
// Everything but the OpenAPI document asks for the token. Whatever changes something is kept in the audit
// table, with who did it and why, in the transaction that does it.

import swagger from '@fastify/swagger'
import { isTroupeError } from '@troupe/core'
import { createHash, timingSafeEqual } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { delaysOf } from '../delays.ts'
import { createHttp, type HttpPlace, type HttpServer, listenOn } from '../http/http-server.ts'
import { checked, problem } from '../http/problem.ts'
import type { AdminRoute, Desk } from './admin-route.ts'
import { deadLetterRoutes } from './dead-letter-routes.ts'
import { parkedRoutes } from './parked-routes.ts'

export interface AdminSettings extends HttpPlace {
  /** What callers have to bring, as `authorization: Bearer …`. */
  readonly token: string
}

/** A thousand ids, or one event with what it may weigh. */
const bodyBytesMax = 2 * 1024 * 1024
const root = '/admin/v1'

export async function serveAdmin(desk: Desk, { token, ...place }: AdminSettings): Promise<HttpServer> {
  const { service, log } = desk
  const http = createHttp(log, bodyBytesMax)
  await http.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: `${service.name}: what is set aside`, version: '1' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  })
  // Requests are checked by zod, below; these schemas only describe.
  http.setValidatorCompiler(() => () => true)
  http.setSerializerCompiler(() => (data) => JSON.stringify(data))
  http.get(`${root}/openapi.json`, { schema: { hide: true } }, () => http.swagger())
  await http.register(async (own) => {
    own.addHook('onRequest', async (request) => refuseStrangers(request.headers.authorization, token))
    for (const route of [...deadLetterRoutes(desk), ...parkedRoutes(desk)]) {
      const { method, url, path, query, body } = route
      own.route({
        method,
        url: `${root}${url}`,
        schema: descriptionOf(route),
        handler(request) {
          const asked = {
            path: path ? checked(path, request.params, 'parameter') : undefined,
            query: query ? checked(query, request.query, 'parameter') : undefined,
            body: body ? checked(body, request.body, 'body') : undefined,
          }
          return unlessBusy(() => route.handle(asked))
        },
      })
    }
  })
  return listenOn(http, place, { setting: 'TROUPE_ADMIN_ADDRESS', log })
}

function descriptionOf({ summary, path, query, body, answer }: AdminRoute): object {
  const described = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' })
  return {
    summary,
    ...(path ? { params: described(path) } : {}),
    ...(query ? { querystring: described(query) } : {}),
    ...(body ? { body: described(body) } : {}),
    response: { 200: { description: 'Done', ...z.toJSONSchema(answer) } },
  }
}

const triesMax = 5
const triesMs = { firstMs: 10, maxMs: 200 }

/** Somebody may be busy with the same keys: of a conflict nothing was done, so that it can be tried again. */
async function unlessBusy<Answer>(handle: () => Promise<Answer>): Promise<Answer> {
  const waits = delaysOf(triesMs)
  for (let tries = 1; ; tries++) {
    try {
      return await handle()
    } catch (error) {
      if (!isTroupeError(error, 'TROUPE_CONFLICT')) throw error
      if (tries === triesMax)
        throw problem({
          status: 409,
          detail: 'The service is busy with the same keys. Nothing was done: ask again.',
        })
      await setTimeout(waits.nextMs())
    }
  }
}

function refuseStrangers(header: string | undefined, token: string): void {
  const given = /^Bearer (.+)$/i.exec(header ?? '')?.[1]
  // Of hashes, which are of one length: how long a comparison takes tells nothing.
  if (given !== undefined && timingSafeEqual(hashOf(given), hashOf(token))) return
  throw problem({
    status: 401,
    detail: `The admin API asks for ${given === undefined ? 'a token' : 'another token'}. Send "authorization: Bearer …" with what the service was given as TROUPE_ADMIN_TOKEN.`,
  })
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
