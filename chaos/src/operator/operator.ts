// Somebody with the token of a service's admin API.
import { adminToken } from '../world/instance.ts'

/** A dead letter, as far as it is looked at here. */
export interface OpenLetter {
  readonly id: string
  readonly event: { readonly type: string; readonly saga: string } | null
}

export interface Operator {
  /** Open dead letters; of one saga, if it is named. */
  letters(saga?: string): Promise<readonly OpenLetter[]>
  /** @returns those that nobody had redriven */
  redrive(ids: readonly string[], reason: string): Promise<readonly string[]>
  /** Redrives one with other data. */
  mend(id: string, change: (data: object) => object, reason: string): Promise<void>
}

/** How many ids one request takes. */
const idsMax = 500

/** @param url of a service's admin API */
export function operatorAt(url: string, by: string): Operator {
  async function ask(path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${url}/admin/v1${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify({ ...body, by }) } : {}),
      signal: AbortSignal.timeout(10_000),
    })
    if (answer.status !== 200)
      throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
    return await answer.json()
  }

  return {
    async letters(saga) {
      const letters: OpenLetter[] = []
      for (let after: string | null = '0'; after !== null; ) {
        const query = new URLSearchParams({
          after,
          limit: String(idsMax),
          ...(saga === undefined ? {} : { saga }),
        })
        const page = (await ask(`/dead-letters?${query.toString()}`)) as {
          items: readonly OpenLetter[]
          next: string | null
        }
        letters.push(...page.items)
        after = page.next
      }
      return letters
    },
    async redrive(ids, reason) {
      const redriven: string[] = []
      for (let from = 0; from < ids.length; from += idsMax) {
        const some = ids.slice(from, from + idsMax)
        const answer = (await ask('/dead-letters/redrive', { ids: some, reason })) as {
          redriven: readonly string[]
        }
        redriven.push(...answer.redriven)
      }
      return redriven
    },
    async mend(id, change, reason) {
      const { data } = (await ask(`/dead-letters/${encodeURIComponent(id)}`)) as { data: object }
      await ask(`/dead-letters/${encodeURIComponent(id)}/redrive`, { data: change(data), reason })
    },
  }
}
