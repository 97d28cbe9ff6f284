import { TroupeError } from '@troupe/core'
import type { HttpClient } from '../http/http-client.ts'

/**
 * Asks each service whether it can work, before anything is asked of it.
 *
 * @param urls by service
 * @throws TroupeError `TROUPE_HTTP_UNEXPECTED`, naming the first that cannot and what it waits for
 */
export async function refuseUnready(http: HttpClient, urls: Readonly<Record<string, string>>): Promise<void> {
  for (const [service, url] of Object.entries(urls)) {
    const { status, body } = await http.get(`${url}/readyz`)
    if (status === 200) continue
    const waitsFor = dependenciesDown(body)
    const why = waitsFor.length > 0 ? `it waits for ${waitsFor.join(', ')}` : `/readyz answers ${status}`
    throw new TroupeError(
      'TROUPE_HTTP_UNEXPECTED',
      `The service ${service} at ${url} is not ready: ${why}. Look into its log, or wait until it is.`,
    )
  }
}

function dependenciesDown(body: unknown): readonly string[] {
  const { dependencies } = (body ?? {}) as { readonly dependencies?: Record<string, { state?: unknown }> }
  return Object.entries(dependencies ?? {}).flatMap(([name, { state }]) => (state === 'up' ? [] : [name]))
}
