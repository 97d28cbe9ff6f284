import {
  type Claim,
  type DocumentPage,
  type EventName,
  type Ledger,
  type Log,
  type RecallRequest,
  type Receipt,
  type Recollection,
  type Settlement,
  stepKey,
  type StepName,
  type StoredDoubt,
  type StoredResult,
  type TopicPartition,
  TroupeError,
} from '@troupe/core'
import { asideOf } from './aside/aside-of.ts'
import { listDoubts } from './doubts/list-doubts.ts'
import { explained } from './explain-refusal.ts'
import { migrate } from './migrations/migrate.ts'
import { quoted, settingsOf } from './settings.ts'
import { mayShare, rowsOf as rowsIn, settleCalls } from './settle.ts'
import { shareFlights } from './share-flights.ts'
import { partsOf, recallOf, rowsAsked } from './share-recall.ts'
import { claimPosition } from './statements/claim-position.ts'
import { countDeadlines } from './statements/count-deadlines.ts'
import { fireDeadlines, nextDeadline } from './statements/fire-deadlines.ts'
import { forgetOld } from './statements/forget-old.ts'
import { keepPerformed } from './statements/keep-performed.ts'
import { keepSchemas } from './statements/keep-schemas.ts'
import { listDocuments } from './statements/list-documents.ts'
import { listOutgoing } from './statements/list-outgoing.ts'
import { listPerformed } from './statements/list-performed.ts'
import {
  listUnpublishedByAge,
  listUnpublishedInLane,
  unpublishedIdsMax,
} from './statements/list-unpublished.ts'
import { listSchemas } from './statements/list-schemas.ts'
import { ping } from './statements/ping.ts'
import { readDocument } from './statements/read-document.ts'
import { readPosition } from './statements/read-position.ts'
import { acquit, suspect } from './statements/suspect.ts'
import { recall as recallStatement, type Recalled } from './statements/recall.ts'
import { openConnections } from './wire/connections.ts'
import { callOf, type Statement } from './wire/statement.ts'

/** The most documents that a page holds. */
const documentsMax = 1_000

export interface PostgresLedgerOptions {
  /** `postgres://user:password@host:port/database`, with pg's parameters (`sslmode`, …). */
  readonly url: string
  /**
   * Certificates, in PEM, of the authorities that may have signed the server's. Makes TLS with a checked
   * certificate and host name the only way, so the URL's own parameters may not say otherwise.
   */
  readonly ca?: string
  /** Two keep two cores busy; more add little. Default 4. */
  readonly connectionsMax?: number
  /** A schema of the ledger's own, made by `migrate`. Default `troupe`. */
  readonly schema?: string
  /** The server gives up on a statement after this long. Default 30,000. */
  readonly statementTimeoutMs?: number
  readonly log: Log
}

/**
 * A {@link Ledger} in a PostgreSQL database. Connects when it is first used.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID`
 */
export function postgresLedger(options: PostgresLedgerOptions): Ledger {
  const settings = settingsOf(options)
  const schema = quoted(settings.schema)
  const connections = openConnections(settings)

  async function rowsOf<Input, Row>(statement: Statement<Input, Row>, input: Input): Promise<readonly Row[]> {
    const call = callOf(statement, schema, input)
    await connections.fly([call])
    return call.rows
  }

  const recallShared = shareFlights<RecallRequest, Recollection>({
    fly: recallAll,
    rowsOf: rowsAsked,
    fits: () => true,
  })

  async function recallAll(requests: readonly RecallRequest[]): Promise<readonly Recollection[]> {
    const asked = recallOf(requests)
    const call = callOf(recallStatement, schema, asked)
    // A statement of its own, for those few who call the outside: it need not be of the same moment.
    const results = asked.performed?.length ? callOf(listPerformed, schema, asked.performed) : undefined
    const doubts = asked.doubts?.length ? callOf(listDoubts, schema, asked.doubts) : undefined
    await connections.flyWithin([call, ...(results ? [results] : []), ...(doubts ? [doubts] : [])])
    const parts = partsOf(requests, call.rows)
    return requests.map((request, place) => ({
      ...recollectionOf(request, parts[place] ?? []),
      ...(request.performed ? { performed: resultsFor(request.performed, results?.rows ?? []) } : {}),
      ...(request.doubts ? { doubts: doubtsOf(request.doubts, doubts?.rows ?? []) } : {}),
    }))
  }

  async function recall(request: RecallRequest): Promise<Recollection> {
    if (rowsAsked(request) === 0) return recollectionOf(request, [])
    return await connections.whileOpen(() => recallShared(request))
  }

  const settleShared = shareFlights<Settlement, Receipt>({ fly: settleAll, rowsOf: rowsIn, fits: mayShare })

  async function settleAll(settlements: readonly Settlement[]): Promise<readonly Receipt[]> {
    const [first] = settlements
    try {
      const { calls, receipt } = settleCalls(settlements, schema)
      if (calls.length > 0) await connections.flyWithin(calls)
      // Who waits for a few more predecessors than are his own does no harm.
      return settlements.map(receipt)
    } catch (error) {
      throw first && settlements.length === 1 ? await explained(first, error, { recall, positionOf }) : error
    }
  }

  async function positionOf({ topic, partition }: TopicPartition): Promise<Claim | undefined> {
    const [row] = await rowsOf(readPosition, { topic, partition })
    return row && { topic, partition, ...row }
  }

  return {
    ...asideOf(connections, schema),
    migrate: () => connections.whileOpen(() => migrate(settings)),
    async claim({ topic, partition }, found = {}) {
      const [row] = await rowsOf(claimPosition, { topic, partition, found })
      if (!row) throw new Error(`Claiming ${topic}[${partition}] returned no row.`)
      return { topic, partition, ...row }
    },
    async suspect(held, logPlace) {
      const [times] = await rowsOf(suspect, { ...held, logPlace })
      if (times === undefined)
        throw new TroupeError(
          'TROUPE_FENCED',
          `${held.topic}[${held.partition}] has another owner now; its work goes on there.`,
        )
      return times
    },
    acquit: async (held, logPlace) => void (await rowsOf(acquit, { ...held, logPlace })),
    recall,
    async keepPerformed(results) {
      // In one order, so that two who keep the same results cannot wait for each other.
      const inOrder = results.toSorted((one, other) => (one.idempotencyKey < other.idempotencyKey ? -1 : 1))
      if (results.length > 0) await rowsOf(keepPerformed, inOrder)
    },
    settle: (settlement) => connections.whileOpen(() => settleShared(settlement)),
    positionOf,
    async unpublished(part, after = 0n) {
      const found =
        'lane' in part
          ? await rowsOf(listUnpublishedInLane, { ...part, after })
          : await rowsOf(listUnpublishedByAge, { ...part, after })
      return {
        found: found.map(({ id }) => id),
        next: found.length < unpublishedIdsMax ? undefined : found.at(-1)?.seq,
      }
    },
    async outgoing(ids, after = 0n) {
      const found = ids.length === 0 ? [] : await rowsOf(listOutgoing, { ids, after })
      const last = found.at(-1)
      return { found: found.map(({ record }) => record), next: last?.isLast === false ? last.seq : undefined }
    },
    async fire() {
      const [firing, looking] = [
        callOf(fireDeadlines, schema, undefined),
        callOf(nextDeadline, schema, undefined),
      ]
      await connections.fly([firing, looking])
      return { records: firing.rows, nextMs: looking.rows[0] }
    },
    async pendingDeadlines() {
      return (await rowsOf(countDeadlines, undefined))[0] ?? { count: 0, overdueMs: 0 }
    },
    async forget(what, olderThanMs, from = 0n) {
      const [portion] = await rowsOf(forgetOld(what), { olderThanMs, from })
      if (!portion) throw new Error(`Forgetting ${what} returned no row.`)
      return portion
    },
    schemas: () => rowsOf(listSchemas, undefined),
    async keepSchemas(schemas) {
      const each = new Map(schemas.map((one) => [`${one.id} ${one.fingerprint}`, one]))
      if (each.size > 0) await rowsOf(keepSchemas, [...each.values()])
    },
    document: async ({ kind, key }) => (await rowsOf(readDocument, { kind, key }))[0],
    async documents(kind, page) {
      refuseUnfitPage(page)
      return rowsOf(listDocuments, { kind, ...page })
    },
    async ping() {
      await rowsOf(ping, undefined)
    },
    close: () => connections.close(),
  }
}

function recollectionOf({ events }: RecallRequest, recalled: readonly Recalled[]): Recollection {
  const seen: Recollection['seen'][number][] = []
  const documents: Recollection['documents'][number][] = []
  const steps: Recollection['steps'][number][] = []
  const answers: Recollection['answers'][number][] = []
  const keys: Recollection['keys'][number][] = []
  for (const one of recalled) {
    switch (one.part) {
      case 'seen':
        seen.push(eventAt(events, one.place))
        break
      case 'documents':
        documents.push(one.stored)
        break
      case 'steps':
        steps.push(one.stored)
        break
      case 'answers':
        answers.push(one.stored)
        break
      case 'keys':
        keys.push(one.stored)
        break
    }
  }
  return { seen, documents, steps, answers, keys }
}

function resultsFor(keys: readonly string[], found: readonly StoredResult[]): readonly StoredResult[] {
  if (found.length === 0) return found
  const own = new Set(keys)
  return found.filter(({ idempotencyKey }) => own.has(idempotencyKey))
}

function doubtsOf(steps: readonly StepName[], found: readonly StoredDoubt[]): readonly StoredDoubt[] {
  if (found.length === 0) return found
  const own = new Set(steps.map(stepKey))
  return found.filter((one) => own.has(stepKey(one)))
}

function eventAt(events: readonly EventName[], place: number): EventName {
  const event = events[place]
  if (!event)
    throw new Error(`The recall statement answered with an event that was not asked for, at ${place}.`)
  return { source: event.source, id: event.id }
}

function refuseUnfitPage({ limit }: DocumentPage): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= documentsMax) return
  throw new TroupeError(
    'TROUPE_DOCUMENT_INVALID',
    `A page of documents cannot hold ${limit}. Ask for 1 to ${documentsMax}.`,
    { details: { limit } },
  )
}
