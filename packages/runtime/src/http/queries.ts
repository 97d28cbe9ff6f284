import { type DocumentRef, type DocumentType, isTroupeError } from '@troupe/core'
import { z } from 'zod'
import type { ListPage, RunningService } from '../service/running-service.ts'
import { checked, problem } from './problem.ts'

/** What queries need of a running service. */
export type Readable = Pick<RunningService, 'read' | 'list'>

/** A page of a list, as HTTP gives it. */
export interface PageOf<Item> {
  readonly items: readonly Item[]
  /** To be asked for next, as `after`; null on the last page. */
  readonly next: string | null
}

const limitMax = 1_000
const limitDefault = 100
const limitRule = `Not a whole number from 1 to ${limitMax}.`

const pageQuery = z.object({
  limit: z.coerce
    .number(limitRule)
    .int(limitRule)
    .min(1, limitRule)
    .max(limitMax, limitRule)
    .default(limitDefault),
  after: z
    .string()
    .min(1)
    .max(512)
    .regex(/^[^\0\p{Surrogate}]*$/u, 'Not the key of anything.')
    .optional(),
})

/** Which page a query string asks for, `?limit=10&after=key`. @throws a 400 problem */
export function pageOf(query: unknown): Required<Pick<ListPage, 'limit'>> & Pick<ListPage, 'after'> {
  const { limit, after } = checked(pageQuery, query, 'parameter')
  return { limit, ...(after === undefined ? {} : { after }) }
}

/** What was listed, shown item by item; `next` is null where the list ends. */
export function pageAs<State, Item>(
  listed: readonly { readonly key: string; readonly state: State }[],
  { limit }: { readonly limit: number },
  show: (key: string, state: State) => Item,
): PageOf<Item> {
  return {
    items: listed.map(({ key, state }) => show(key, state)),
    next: listed.length < limit ? null : (listed.at(-1)?.key ?? null),
  }
}

/**
 * The document under a key that came from outside.
 *
 * @param isThere tells a document that somebody wrote from an initial one
 * @throws a 404 problem
 */
export async function readOr404<State extends object>(
  running: Pick<Readable, 'read'>,
  type: DocumentType<State>,
  key: string,
  isThere: (state: State) => boolean,
): Promise<State> {
  const ref = refOr404(type, key)
  const state = await running.read(ref)
  if (!isThere(state)) throw notThere(type, key)
  return state
}

function refOr404<State extends object>(type: DocumentType<State>, key: string): DocumentRef<State> {
  try {
    return type(key)
  } catch (error) {
    // A key that no document can have.
    if (isTroupeError(error, 'TROUPE_DOCUMENT_INVALID')) throw notThere(type, key)
    throw error
  }
}

function notThere({ kind }: { readonly kind: string }, key: string): Error {
  return problem({ status: 404, detail: `There is no ${kind} for ${JSON.stringify(key)}.` })
}
