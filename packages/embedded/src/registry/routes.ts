// The registry's calls (Confluent Schema Registry API reference), each a line or a few over the state.
import type { FastifyInstance } from 'fastify'
import { deleteSubject, deleteVersion, register, setCompatibility, setMode } from './changes.ts'
import {
  checkSchema,
  compatibilityOf,
  findVersion,
  incompatibilities,
  knownVersionsOf,
  modeOf,
  parseVersion,
  referencesTo,
  schemaById,
  usesOf,
  versionOf,
  versionsOf,
} from './lookups.ts'
import { registryErrors } from './registry-error.ts'
import { isSet, queryText, readCompatibility, readId, readMode, readSchema } from './request.ts'
import { globally, schemaTypes, type RegistryState, type StoredSchema, type Version } from './state.ts'
import type { Store } from './store.ts'

interface SubjectPath {
  Params: { subject: string }
}
interface VersionPath {
  Params: { subject: string; version: string }
}
interface IdPath {
  Params: { id: string }
}

/** Adds every call to the server. */
export function addRoutes(server: FastifyInstance, store: Store): void {
  server.get('/', () => ({}))
  addSchemas(server, store)
  addSubjects(server, store)
  addCompatibility(server, store)
  addConfig(server, store)
  addMode(server, store)
}

function addSchemas(server: FastifyInstance, store: Store): void {
  server.get('/schemas', ({ query }) => {
    const visibility = visibilityOf(query)
    const prefix = queryText(query, 'subjectPrefix')
    const subjects = [...store.state.subjects.keys()].filter((subject) => subject.startsWith(prefix))
    return subjects.flatMap((subject) => {
      const versions = versionsOf(store.state, subject, visibility)
      const wanted = isSet(query, 'latestOnly') ? versions.slice(-1) : versions
      return wanted.map((version) => versionBody(store.state, subject, version))
    })
  })
  server.get('/schemas/types', () => schemaTypes)
  server.get<IdPath>('/schemas/ids/:id', ({ params }) => schemaBody(byId(params.id)))
  server.get<IdPath>('/schemas/ids/:id/schema', ({ params }, reply) => rawSchema(reply, byId(params.id)))
  server.get<IdPath>('/schemas/ids/:id/subjects', ({ params, query }) => {
    const uses = usesOf(store.state, byId(params.id).id, visibilityOf(query))
    return [...new Set(uses.map(({ subject }) => subject))]
  })
  server.get<IdPath>('/schemas/ids/:id/versions', ({ params, query }) =>
    usesOf(store.state, byId(params.id).id, visibilityOf(query)),
  )

  function byId(id: string): StoredSchema {
    return schemaById(store.state, readId(id))
  }
}

function addSubjects(server: FastifyInstance, store: Store): void {
  server.get('/subjects', ({ query }) => {
    const prefix = queryText(query, 'subjectPrefix')
    return [...store.state.subjects.keys()].filter(
      (subject) =>
        subject.startsWith(prefix) && versionsOf(store.state, subject, visibilityOf(query)).length > 0,
    )
  })
  server.post<SubjectPath>('/subjects/:subject', ({ params: { subject }, query, body }) => {
    const visibility = visibilityOf(query)
    knownVersionsOf(store.state, subject, visibility)
    const found = findVersion(store.state, subject, checkSchema(store.state, readSchema(body)), visibility)
    if (!found) throw registryErrors.schemaNotFound()
    return versionBody(store.state, subject, found)
  })
  server.delete<SubjectPath>('/subjects/:subject', ({ params: { subject }, query }) =>
    store.change((state) => deleteSubject(state, subject, isSet(query, 'permanent'))),
  )
  server.get<SubjectPath>('/subjects/:subject/versions', ({ params: { subject }, query }) =>
    knownVersionsOf(store.state, subject, visibilityOf(query)).map(({ version }) => version),
  )
  server.post<SubjectPath>('/subjects/:subject/versions', async ({ params: { subject }, body }) => {
    const input = readSchema(body)
    return { id: await store.change((state) => register(state, subject, input)) }
  })
  const version = '/subjects/:subject/versions/:version'
  server.get<VersionPath>(version, ({ params, query }) =>
    versionBody(store.state, params.subject, wantedVersion(params, query)),
  )
  server.delete<VersionPath>(version, ({ params, query }) => {
    const wanted = parseVersion(params.version)
    return store.change((state) => deleteVersion(state, params.subject, wanted, isSet(query, 'permanent')))
  })
  server.get<VersionPath>(`${version}/schema`, ({ params, query }, reply) =>
    rawSchema(reply, schemaById(store.state, wantedVersion(params, query).id)),
  )
  server.get<VersionPath>(`${version}/referencedby`, ({ params, query }) => {
    const found = wantedVersion(params, query)
    return referencesTo(store.state, params.subject, found.version, visibilityOf(query))
  })

  function wantedVersion(params: VersionPath['Params'], query: unknown): Version {
    return versionOf(store.state, params.subject, parseVersion(params.version), visibilityOf(query))
  }
}

function addCompatibility(server: FastifyInstance, store: Store): void {
  server.post<VersionPath>(
    '/compatibility/subjects/:subject/versions/:version',
    ({ params, query, body }) => {
      const wanted = parseVersion(params.version)
      const versions = versionsOf(store.state, params.subject, visibilityOf({}))
      // A subject's first schema has nothing to be incompatible with.
      const compared =
        wanted === 'latest' ? versions.slice(-1) : [versionOf(store.state, params.subject, wanted)]
      return verdict(params.subject, body, query, compared)
    },
  )
  server.post<SubjectPath>('/compatibility/subjects/:subject/versions', ({ params, query, body }) =>
    verdict(params.subject, body, query, versionsOf(store.state, params.subject, visibilityOf({}))),
  )

  function verdict(subject: string, body: unknown, query: unknown, versions: readonly Version[]): object {
    const candidate = checkSchema(store.state, readSchema(body))
    const level = compatibilityOf(store.state, subject)
    const problems = incompatibilities(store.state, candidate, versions, level)
    const isCompatible = problems.length === 0
    return { is_compatible: isCompatible, ...(isSet(query, 'verbose') ? { messages: problems } : {}) }
  }
}

function addConfig(server: FastifyInstance, store: Store): void {
  server.get('/config', () => ({ compatibilityLevel: compatibilityOf(store.state, globally) }))
  server.put('/config', async ({ body }) => {
    const value = readCompatibility(body)
    return { compatibility: await store.change((state) => setCompatibility(state, globally, value)) }
  })
  server.delete('/config', async () => ({
    compatibilityLevel: await store.change((state) => setCompatibility(state, globally, undefined)),
  }))
  server.get<SubjectPath>('/config/:subject', ({ params: { subject }, query }) => {
    // No fall-back unless asked for: clients take the 404 to mean that nobody has decided yet.
    if (!store.state.compatibility.has(subject) && !isSet(query, 'defaultToGlobal')) {
      throw registryErrors.noSubjectCompatibility(subject)
    }
    return { compatibilityLevel: compatibilityOf(store.state, subject) }
  })
  server.put<SubjectPath>('/config/:subject', async ({ params: { subject }, body }) => {
    const value = readCompatibility(body)
    return { compatibility: await store.change((state) => setCompatibility(state, subject, value)) }
  })
  server.delete<SubjectPath>('/config/:subject', async ({ params: { subject } }) => ({
    compatibilityLevel: await store.change((state) => setCompatibility(state, subject, undefined)),
  }))
}

function addMode(server: FastifyInstance, store: Store): void {
  server.get('/mode', () => ({ mode: modeOf(store.state, globally) }))
  server.put('/mode', async ({ body }) => {
    const value = readMode(body)
    return { mode: await store.change((state) => setMode(state, globally, value)) }
  })
  server.get<SubjectPath>('/mode/:subject', ({ params: { subject }, query }) => {
    if (!store.state.mode.has(subject) && !isSet(query, 'defaultToGlobal')) {
      throw registryErrors.noSubjectMode(subject)
    }
    return { mode: modeOf(store.state, subject) }
  })
  server.put<SubjectPath>('/mode/:subject', async ({ params: { subject }, body }) => {
    const value = readMode(body)
    return { mode: await store.change((state) => setMode(state, subject, value)) }
  })
  server.delete<SubjectPath>('/mode/:subject', async ({ params: { subject } }) => ({
    mode: await store.change((state) => setMode(state, subject, undefined)),
  }))
}

function visibilityOf(query: unknown): { includeDeleted: boolean } {
  return { includeDeleted: isSet(query, 'deleted') }
}

/** AVRO and an empty list are what is meant when nothing is said. */
function schemaBody({ type, text, references }: StoredSchema): object {
  return {
    ...(type === 'AVRO' ? {} : { schemaType: type }),
    schema: text,
    ...(references.length === 0 ? {} : { references }),
  }
}

function versionBody(state: RegistryState, subject: string, { version, id }: Version): object {
  return { subject, version, id, ...schemaBody(schemaById(state, id)) }
}

/** The text itself, not wrapped; a string would otherwise be sent as it is, with no JSON around it. */
function rawSchema(reply: { send(body: string): unknown }, { text }: StoredSchema): unknown {
  return reply.send(text)
}
