import type { RawRecord } from '@troupe/core'
import { problem } from '../http/problem.ts'
import { type AdminRoute, adminRoute, type Desk } from './admin-route.ts'
import { checkMended, mend, type Mending, readAside } from './read-aside.ts'
import * as shapes from './shapes.ts'

/** See `deadLetterIdOf`; topics have no slashes. */
function topicIn(id: string): string {
  return id.slice(0, Math.max(0, id.indexOf('/')))
}

/** What the list shows as ids, and nobody has written otherwise. */
const idForm = /^[^/]+\/\d+\/\d+(~\d+)?$/
const idsAre =
  'Ids are topic/partition/offset, with ~1 behind it where the topic had been made again, as the list shows them'

/** A name that is none is a slip of whoever wrote it. */
function refuseStrange(ids: readonly string[]): void {
  const strange = ids.find((id) => !idForm.test(id))
  if (strange === undefined) return
  throw problem({
    status: 400,
    detail: `"${strange}" is no id of a dead letter. ${idsAre}, such as order.events/0/4711. Nothing was done.`,
  })
}

/** What people ask of dead letters, and do to them. */
export function deadLetterRoutes({ service, codec, ledger, log, onDue }: Desk): readonly AdminRoute[] {
  return [
    adminRoute({
      method: 'GET',
      url: '/dead-letters',
      summary: 'Dead letters, the oldest first',
      query: shapes.deadLetterQuery,
      answer: shapes.pageShape(shapes.letter),
      async handle({ query }) {
        const { found, next } = await ledger.deadLetters(shapes.filterOf(query), shapes.pageOf(query))
        return { items: found.map(shapes.letterOf), next: next === undefined ? null : String(next) }
      },
    }),
    adminRoute({
      method: 'GET',
      url: '/dead-letter-groups',
      summary: 'Dead letters that failed alike, those with most first',
      query: shapes.groupQuery,
      answer: shapes.pageShape(shapes.group),
      async handle({ query }) {
        const found = await ledger.deadLetterGroups(shapes.filterOf(query))
        return { items: found.map(shapes.groupOf), next: null }
      },
    }),
    adminRoute({
      method: 'GET',
      url: '/dead-letters/:id',
      summary: 'One dead letter, with its bytes and what they say',
      path: shapes.letterPath,
      answer: shapes.letterWhole,
      async handle({ path: { id } }) {
        const stored = await letterOr404(id)
        return { ...shapes.letterOf(stored), ...shapes.recordOf(stored.record, await read(stored.record)) }
      },
    }),
    adminRoute({
      method: 'POST',
      url: '/dead-letters/redrive',
      summary: 'Tries dead letters again, each in front of what came after it for its key',
      query: shapes.commandQuery,
      body: shapes.letterIds,
      answer: shapes.redriven,
      async handle({ query, body: { ids, ...who } }) {
        const action = { ...who, ...query }
        refuseStrange(ids)
        refuseUnheard(ids)
        const redriven = await ledger.redrive(
          ids.map((id) => ({ id })),
          action,
        )
        onDue()
        log.info({ ...action, count: redriven.length }, 'dead letters were redriven')
        return { redriven: [...redriven] }
      },
    }),
    adminRoute({
      method: 'POST',
      url: '/dead-letters/:id/redrive',
      summary:
        'Tries one again with other data, which its schema is asked about; the letter keeps the original',
      path: shapes.letterPath,
      query: shapes.commandQuery,
      body: shapes.mendedData,
      answer: shapes.redriven,
      async handle({ path: { id }, query, body: { data, ...who } }) {
        const action = { ...who, ...query }
        const mended = await mend(service, codec, await mendingOf(id, data))
        const redriven = await ledger.redrive([{ id, mended }], action)
        onDue()
        log.info({ ...action, letter: id, count: redriven.length }, 'a dead letter was mended and redriven')
        return { redriven: [...redriven] }
      },
    }),
    adminRoute({
      method: 'POST',
      url: '/dead-letters/:id/check',
      summary: 'Says what one would be redriven with, or why not; changes nothing',
      path: shapes.letterPath,
      body: shapes.dataToCheck,
      answer: shapes.checkedData,
      async handle({ path: { id }, body: { data } }) {
        const mending = await mendingOf(id, data)
        const { shown } = checkMended(service, mending)
        const { data: was, unreadable } = mending.was
        return { state: mending.letter.state, was, unreadable, data: shown }
      },
    }),
    adminRoute({
      method: 'POST',
      url: '/dead-letters/discard',
      summary: 'Gives dead letters up; they are kept, and can still be redriven',
      query: shapes.commandQuery,
      body: shapes.letterIds,
      answer: shapes.discarded,
      async handle({ query, body: { ids, ...who } }) {
        const action = { ...who, ...query }
        refuseStrange(ids)
        const discarded = await ledger.discardDeadLetters(ids, action)
        log.info({ ...action, count: discarded.length }, 'dead letters were discarded')
        return { discarded: [...discarded] }
      },
    }),
    adminRoute({
      method: 'GET',
      url: '/actions',
      summary: 'What people have done, and why, the latest first; the portions of one command as one',
      query: shapes.actionsQuery,
      answer: shapes.pageShape(shapes.action),
      async handle({ query }) {
        const { found, next } = await ledger.operatorActions(
          shapes.actionFilterOf(query),
          shapes.pageOf(query),
        )
        return { items: found.map(shapes.actionOf), next: next === undefined ? null : String(next) }
      },
    }),
  ]

  function read(record: RawRecord) {
    return readAside(service, codec, record)
  }

  async function mendingOf(id: string, data: object): Promise<Mending> {
    const letter = await letterOr404(id)
    return { letter, was: await read(letter.record), data }
  }

  /** What is parked of a topic that nobody of this service reads would never be tried. */
  function refuseUnheard(ids: readonly string[]): void {
    const topics = new Set(service.hears.map(({ topic }) => topic))
    const unheard = ids.filter((id) => !topics.has(topicIn(id)))
    const [first] = unheard
    if (first === undefined) return
    throw problem({
      status: 422,
      detail: `${service.name} hears nothing of ${topicIn(first)} any more, so that nobody would try ${first}${unheard.length > 1 ? `, nor ${unheard.length - 1} others of those that were named` : ''}. Nothing was done. Leave them out (by --topic, for example), discard them, or let the service hear it.`,
    })
  }

  async function letterOr404(id: string) {
    const stored = await ledger.deadLetter(id)
    if (stored) return stored
    throw problem({
      status: 404,
      detail: `${service.name} has no dead letter ${id}. ${idsAre}.`,
    })
  }
}
