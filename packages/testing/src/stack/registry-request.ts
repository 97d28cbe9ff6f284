import { messageOf } from '@troupe/core'

/** Speaks to a Schema Registry. Never throws: no answer is a `problem` without a status. */
export async function registryRequest(
  registryUrl: string,
  method: 'GET' | 'DELETE',
  path: string,
  timeoutMs: number,
): Promise<{ readonly status?: number; readonly body?: unknown; readonly problem?: string }> {
  try {
    const url = new URL(registryUrl)
    const { username, password } = url
    url.username = ''
    url.password = ''
    const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
    const answer = await fetch(`${url.href.replace(/\/+$/, '')}${path}`, {
      method,
      headers: username === '' ? {} : { authorization: `Basic ${credentials.toString('base64')}` },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await answer.text()
    return { status: answer.status, ...bodyOf(text) }
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown }
    return { problem: `does not answer: ${messageOf(cause ?? error) || messageOf(error)}` }
  }
}

function bodyOf(text: string): { readonly body?: unknown; readonly problem?: string } {
  try {
    return { body: JSON.parse(text) as unknown }
  } catch {
    return { problem: 'answers with something that is no JSON' }
  }
}
