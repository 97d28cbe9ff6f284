// The gateway's HTTP server.
//
//   POST /charges      Idempotency-Key, { order, amountCents, currency, cardToken }   201 { id } | 402 { reason }
//   POST /refunds      Idempotency-Key, { chargeId, amountCents }                     201 { id } | 404, 409 { reason }
//   GET  /charges      ?limit&after                                                   { items, next }
//   PUT  /behaviour    { is, ms? }                                                    204
//   GET  /readyz                                                                      { status: 'ok' }
//
// What cannot be read is answered with 400, a key that is used for something else with 422.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Behaviour, behaviourOf, readBehaviour } from './behaviour.ts'
import { createBook, type Entry } from './book.ts'
import { noJournal, openJournal } from './journal.ts'
import { readAsked } from './requests.ts'

export interface GatewayOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default: any free one. */
  readonly port?: number
  /** Keeps its book here over a restart. Default: in memory only. */
  readonly file?: string
}

/** A running payment gateway. */
export interface GatewayServer {
  readonly url: string
  /** Treats everybody so from now on. */
  behave(behaviour: Behaviour): void
  /** Breaks off what is under way. */
  stop(): Promise<void>
}

const bodyBytesMax = 16_384
const pageMax = 1_000
const keyPattern = /^[\x21-\x7e]{1,200}$/

/** @throws what the operating system says of address or file */
export async function startGateway({
  host = '127.0.0.1',
  port = 0,
  file,
}: GatewayOptions = {}): Promise<GatewayServer> {
  const book = createBook((kind, count) => `${kind}_${String(count).padStart(9, '0')}`)
  const journal = file === undefined ? noJournal : await openJournal(file, (entry) => book.enter(entry))
  let behaviour: Behaviour = { is: 'well' }
  /** Keys that were treated as their card wants it. */
  const treated = new Set<string>()

  const server = createServer({ keepAliveTimeout: 30_000, requestTimeout: 30_000 }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) answer(response, 500, { reason: String(error) })
    })
  })
  server.maxHeadersCount = 50

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://gateway')
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /readyz':
        return answer(response, 200, { status: 'ok' })
      case 'GET /charges':
        return list(url.searchParams, response)
      case 'POST /charges':
      case 'POST /refunds':
        return await move(url.pathname === '/charges' ? 'charge' : 'refund', request, response)
      case 'PUT /behaviour': {
        const read = readBehaviour(await jsonOf(request))
        if (typeof read === 'string') return answer(response, 400, { reason: read })
        behaviour = read
        response.writeHead(204).end()
        return
      }
      default:
        return answer(response, 404, { reason: `there is no ${request.method} ${url.pathname}` })
    }
  }

  function list(query: URLSearchParams, response: ServerResponse): void {
    const limit = Number(query.get('limit') ?? 100)
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= pageMax))
      return answer(response, 400, { reason: `"limit" is a whole number from 1 to ${pageMax}` })
    const items = book.charges({ after: query.get('after') ?? '', limit })
    answer(response, 200, { items, next: items.length < limit ? null : (items.at(-1)?.id ?? null) })
  }

  async function move(what: 'charge' | 'refund', request: IncomingMessage, response: ServerResponse) {
    const key = request.headers['idempotency-key']
    const body = await jsonOf(request)
    if (typeof key !== 'string' || !keyPattern.test(key))
      return answer(response, 400, { reason: 'Idempotency-Key has 1 to 200 visible ASCII characters' })
    const asked = readAsked(what, body)
    if (typeof asked === 'string') return answer(response, 400, { reason: asked })
    const treatment = treatmentOf(key, asked)
    if (treatment.is === 'slow') await new Promise((done) => setTimeout(done, treatment.ms))
    if (treatment.is === 'failing') return answer(response, 503, { reason: 'out of order' })

    const known = book.known(key)
    if (known && JSON.stringify(known.asked) !== JSON.stringify(asked))
      return answer(response, 422, { reason: 'the key was used for something else' })
    const entry = known ?? book.decide(key, asked)
    // Of one that is known as well: whoever decided on it may still be writing.
    await (known ? journal.kept() : journal.keep(entry))
    if (treatment.is === 'dropping') return void request.socket.destroy()
    const { status, ...told } = entry.answer
    answer(response, status, told)
    if (treatment.is === 'twice') response.once('finish', () => sayAgain(response, status, told))
  }

  function treatmentOf(key: string, asked: Entry['asked']): Behaviour {
    const ofCard = 'charge' in asked ? behaviourOf(asked.charge.cardToken) : undefined
    if (!ofCard || treated.has(key)) return behaviour
    treated.add(key)
    return ofCard
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    behave(next) {
      behaviour = next
    },
    async stop() {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await closed
      await journal.close()
    },
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text)
}

function sayAgain(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  response.req.socket.write(
    `HTTP/1.1 ${status} Again\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

/** Undefined for what is no JSON, and for what is too large. Rejects if it breaks off. */
async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    // Read to its end all the same, so that the connection can be used again; but not kept.
    if (bytes <= bodyBytesMax) chunks.push(chunk)
  })
  await once(request, 'end')
  if (bytes > bodyBytesMax) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}
