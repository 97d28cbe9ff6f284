import { messageOf, TroupeError } from '@troupe/core'
import { randomUUID } from 'node:crypto'

/** A service's admin API, for one command: what is changed by it, in however many portions, is told as one action. */
export interface AdminClient {
  /** @throws TroupeError `TROUPE_HTTP_UNEXPECTED` with what the service says, or that it says nothing */
  get<Answer>(path: string, query?: Query): Promise<Answer>
  post<Answer>(path: string, body: object): Promise<Answer>
  /** All items of a list that comes in pages, page by page, at most `max` items. */
  pages<Item>(path: string, query: Query, max?: number): AsyncIterable<readonly Item[]>
  /** The same in one list. */
  all<Item>(path: string, query: Query, max?: number): Promise<readonly Item[]>
}

export type Query = Readonly<Record<string, string | undefined>>

const timeoutMs = 30_000
const pageMax = 1_000
const bodyBytesMax = 2 * 1024 * 1024

export function adminClient({
  url,
  token,
  signal: stop,
}: {
  readonly url: string
  readonly token: string
  /** Gives up what is asked when it aborts, with its reason; what changes something is not given up. */
  readonly signal?: AbortSignal | undefined
}): AdminClient {
  /** In the query: services of an older version do not look there. */
  const command = `command=${randomUUID()}`

  async function ask(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const at = `${url}/admin/v1${path}${method === 'POST' ? `?${command}` : ''}`
    const sent = body && JSON.stringify(body)
    // Refused here: a server that closes the connection in the middle is not heard.
    if (sent !== undefined && Buffer.byteLength(sent) > bodyBytesMax) {
      throw new TroupeError(
        'TROUPE_SETTING_INVALID',
        `That is more than the ${bodyBytesMax} bytes that the admin API takes at once. Send less.`,
      )
    }
    const inTime = AbortSignal.timeout(timeoutMs)
    let response: Response
    let text: string
    try {
      response = await fetch(at, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(sent === undefined ? {} : { body: sent }),
        signal: stop && method === 'GET' ? AbortSignal.any([stop, inTime]) : inTime,
      })
      text = await response.text()
    } catch (cause) {
      if (method === 'GET') stop?.throwIfAborted()
      throw new TroupeError(
        'TROUPE_HTTP_UNEXPECTED',
        `The admin API at ${url} does not answer: ${reasonIn(cause)}. The service logs where it listens when it starts; it does if TROUPE_ADMIN_TOKEN is set.`,
        { cause },
      )
    }
    const answer = jsonOf(text)
    if (response.ok && answer !== undefined) return answer
    const said =
      detailOf(answer) ?? `it is no admin API of Troupe (${method} ${path} gave status ${response.status})`
    throw new TroupeError('TROUPE_HTTP_UNEXPECTED', `${url}: ${said}`, {
      details: { status: response.status },
    })
  }

  async function get<Answer>(path: string, query: Query = {}): Promise<Answer> {
    const asked = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, value)
    return (await ask('GET', asked.size > 0 ? `${path}?${asked.toString()}` : path)) as Answer
  }

  async function* pages<Item>(path: string, query: Query, max = Number.POSITIVE_INFINITY) {
    let after: string | undefined
    for (let left = max; left > 0; ) {
      const limit = String(Math.min(left, pageMax))
      const page = await get<Page<Item>>(path, { ...query, limit, after })
      if (page.items.length > 0) yield page.items
      left -= page.items.length
      if (page.next === null) return
      after = page.next
    }
  }

  return {
    get,
    post: async <Answer>(path: string, body: object) => (await ask('POST', path, body)) as Answer,
    pages,
    async all<Item>(path: string, query: Query, max?: number) {
      const items: Item[] = []
      for await (const page of pages<Item>(path, query, max)) items.push(...page)
      return items
    },
  }
}

interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

/** Of a failed fetch, the cause says more than the error. */
function reasonIn(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return messageOf(cause ?? error)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function detailOf(answer: unknown): string | undefined {
  const detail =
    typeof answer === 'object' && answer !== null && 'detail' in answer ? answer.detail : undefined
  return typeof detail === 'string' ? detail : undefined
}
