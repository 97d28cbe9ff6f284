import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { isTroupeError, type Log, messageOf, retryVerdictOf, type TroupeError } from '@troupe/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { traceIdOfRequest } from '../observe/tracing-http.ts'

/** One thing that is wrong with a request, and where. */
export interface ProblemPlace {
  readonly detail: string
  /** JSON pointer into the body, as a URI fragment: `#/items/0/sku`. */
  readonly pointer?: string
  /** Name of a query parameter. */
  readonly parameter?: string
  /** Name of a header. */
  readonly header?: string
}

/** Why a request was refused. Source: RFC 9457. */
export interface Problem {
  /** 400 to 599. */
  readonly status: number
  /** The same for every problem of its kind. Default: the status's phrase. */
  readonly title?: string
  /** What is wrong with this request, and what to do about it. */
  readonly detail: string
  readonly errors?: readonly ProblemPlace[]
}

const mark = Symbol.for('troupe.problem')
const placesMax = 20
const retryAfterSeconds = 1

/** An error that {@link problemHandler} answers with this problem. */
export function problem(what: Problem): Error {
  return Object.assign(new Error(what.detail), { [mark]: what })
}

/** Answers with a problem, as `application/problem+json`. */
export function sendProblem(reply: FastifyReply, { status, title, detail, errors }: Problem): FastifyReply {
  if (status === 503) void reply.header('retry-after', String(retryAfterSeconds))
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      type: 'about:blank',
      title: title ?? STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      ...(errors ? { errors } : {}),
    })
}

/**
 * Answers whatever a route throws: for fastify's `setErrorHandler` and `frameworkErrors`. What is the
 * service's own fault is logged, and not told to the outside.
 */
export function problemHandler(
  log: Log,
): (error: unknown, request: FastifyRequest, reply: FastifyReply) => void {
  return (error, request, reply) => {
    const { method, url, id } = request
    const known = problemIn(error)
    if (known) return void sendProblem(reply, known)
    const trace_id = traceIdOfRequest(request)
    const facts = { err: error, method, url, request: id, ...(trace_id === undefined ? {} : { trace_id }) }
    log.error(facts, `${method} ${url} failed: ${messageOf(error)}`)
    sendProblem(reply, { status: 500, detail: `The service failed. Its log says why, under request ${id}.` })
  }
}

/** Answers what never became a request: for fastify's `clientErrorHandler`. */
export function answerUnreadable(error: { readonly code?: unknown }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, detail] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'The headers are too large. Send fewer or smaller ones.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'The request did not come to its end in time. Send it again.']
        : [400, 'This is no HTTP request. Correct what sends it.']
  const title = STATUS_CODES[status] ?? 'Error'
  const body = JSON.stringify({ type: 'about:blank', title, status, detail })
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nconnection: close\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

/** Answers what no route takes: for fastify's `setNotFoundHandler`. */
export function notFoundHandler({ method, url }: FastifyRequest, reply: FastifyReply): void {
  sendProblem(reply, { status: 404, detail: `Nothing here answers ${method} ${url}.` })
}

/**
 * What came from outside, as the schema's type.
 *
 * @param place where it came from: problems point into the body by JSON pointer, into the rest by name
 * @throws a 400 problem that names every field that is wrong
 */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  place: 'body' | 'parameter' | 'header',
): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.flatMap((issue) => placesOf(issue, place))
  const [first] = errors
  throw problem({
    status: 400,
    detail: `The request's ${place} is not valid${first ? `: ${whereOf(first)}${first.detail}` : '.'}`,
    errors: errors.slice(0, placesMax),
  })
}

function placesOf(issue: z.core.$ZodIssue, place: 'body' | 'parameter' | 'header'): readonly ProblemPlace[] {
  const paths =
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path]
  const detail =
    issue.code === 'unrecognized_keys' ? 'Not known here. Leave it out.' : sentence(issue.message)
  return paths.map((path) =>
    place === 'body' ? { detail, pointer: pointerTo(path) } : { detail, [place]: path.map(String).join('.') },
  )
}

/** A JSON pointer as a URI fragment. Source: RFC 6901, sections 3 and 6. */
export function pointerTo(path: readonly PropertyKey[]): string {
  return `#${path.map((step) => `/${encodeURIComponent(String(step).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')}`
}

function whereOf({ pointer, parameter, header }: ProblemPlace): string {
  const where = pointer ?? parameter ?? header
  return where === undefined || where === '#' || where === '' ? '' : `${where}: `
}

function problemIn(error: unknown): Problem | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  if (mark in error) return error[mark] as Problem
  if (isTroupeError(error)) return problemOfTroupe(error)
  // Fastify's own refusals: a body that is no JSON, too large or of another type; a path that is no path.
  const status = 'statusCode' in error && 'code' in error ? error.statusCode : undefined
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined
  return { status, detail: detailOfRefusal(status, messageOf(error)) }
}

function problemOfTroupe(error: TroupeError): Problem | undefined {
  switch (error.code) {
    case 'TROUPE_IDEMPOTENCY_KEY_REUSED':
      return { status: 422, title: 'Idempotency key reused', detail: error.message }
    case 'TROUPE_IDEMPOTENCY_KEY_INVALID':
      return {
        status: 400,
        title: 'Idempotency key invalid',
        detail: error.message,
        errors: [{ detail: error.message, header: 'idempotency-key' }],
      }
    case 'TROUPE_STOPPED':
    case 'TROUPE_OVERLOADED':
    case 'TROUPE_CONFLICT':
      return {
        status: 503,
        detail: 'The service cannot do this at the moment. Try again with the same idempotency key.',
      }
    default:
      return retryVerdictOf(error) === 'wait'
        ? { status: 503, detail: 'The service waits for something that it needs. Try again in a moment.' }
        : undefined
  }
}

function detailOfRefusal(status: number, message: string): string {
  switch (status) {
    case 413:
      return 'The body is too large. Send less at once.'
    case 415:
      return 'The body must be JSON. Send it with content-type: application/json.'
    default:
      return sentence(message)
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}
