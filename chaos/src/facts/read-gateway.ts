import type { TakenRow } from '../checks/facts.ts'

const pageSize = 1_000

/** Reads the gateway's book. */
export async function readGateway(url: string): Promise<readonly TakenRow[]> {
  const rows: TakenRow[] = []
  for (let after = ''; ; ) {
    const response = await fetch(`${url}/charges?limit=${pageSize}&after=${after}`)
    if (response.status !== 200) throw new Error(`The gateway answered ${response.status} for its book.`)
    const { items, next } = (await response.json()) as { items: readonly TakenRow[]; next: string | null }
    rows.push(...items)
    if (next === null) return rows
    after = next
  }
}
