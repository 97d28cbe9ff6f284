import { messageOf, TroupeError } from '@troupe/core'
import { Agent, request } from 'node:http'

export interface HttpAnswer {
  readonly status: number
  readonly location: string | undefined
  /** Parsed if it is JSON, else the text. */
  readonly body: unknown
}

/**
 * A small HTTP client that keeps its connections open: thousands of requests cost the demo little of the
 * processor that the services need.
 */
export interface HttpClient {
  /** @throws TroupeError `TROUPE_HTTP_UNEXPECTED` if there is no answer in time */
  get(url: string, signal?: AbortSignal): Promise<HttpAnswer>
  post(
    url: string,
    body: object,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<HttpAnswer>
  close(): void
}

const timeoutMsDefault = 30_000
const bodyBytesMax = 16 * 1024 * 1024

/** @param connectionsMax per host */
export function createHttpClient(connectionsMax = 32, timeoutMs = timeoutMsDefault): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: connectionsMax, noDelay: true })

  function ask(method: string, url: string, { headers = {}, body, signal }: Question): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) =>
        reject(
          signal?.aborted
            ? (signal.reason as Error)
            : new TroupeError('TROUPE_HTTP_UNEXPECTED', `${method} ${url} failed: ${messageOf(cause)}`, {
                cause,
              }),
        )
      const options = { method, agent, headers, timeout: timeoutMs, ...(signal ? { signal } : {}) }
      const outgoing = request(url, options, (incoming) => {
        const chunks: Buffer[] = []
        let size = 0
        incoming.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > bodyBytesMax)
            outgoing.destroy(new Error(`the answer is larger than ${bodyBytesMax} bytes`))
          else chunks.push(chunk)
        })
        incoming.once('error', fail)
        incoming.once('end', () => {
          const { statusCode = 0, headers: its } = incoming
          resolve({
            status: statusCode,
            location: its.location,
            body: parsed(Buffer.concat(chunks).toString()),
          })
        })
      })
      outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)))
      outgoing.once('error', fail)
      outgoing.end(body)
    })
  }

  return {
    get: (url, signal) => ask('GET', url, signal ? { signal } : {}),
    post(url, body, headers, signal) {
      const text = JSON.stringify(body)
      return ask('POST', url, {
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        },
        body: text,
        ...(signal ? { signal } : {}),
      })
    },
    close: () => agent.destroy(),
  }
}

interface Question {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
