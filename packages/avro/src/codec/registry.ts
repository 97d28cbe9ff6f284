import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import avsc from 'avsc'
import type { Type } from 'avsc'
import { type AnyEventType, isTroupeError, type Log, messageOf, TroupeError } from '@troupe/core'
import { askRegistry, denialAt, pingAddress } from './ask-registry.ts'
import type { RegistryAddress } from './registry-address.ts'

/** How far a subject's versions have to agree, as the registry understands it. */
export type Compatibility = keyof typeof COMPATIBILITY

export interface RegistryOptions {
  readonly address: RegistryAddress
  /** For one call of the registry, its retries included. */
  readonly timeoutMs: number
  readonly compatibility: Compatibility
  readonly namespace: string | undefined
  readonly log: Log
}

/** What the codec wants of a Schema Registry. */
export interface Registry {
  /** Registers an event's schema and resolves to its id. @throws TroupeError `TROUPE_SCHEMA_INCOMPATIBLE`, `TROUPE_SCHEMA_INVALID`, `TROUPE_REGISTRY_UNREACHABLE`, `TROUPE_ACCESS_DENIED` */
  register(type: AnyEventType): Promise<number>
  /** The schema of an id; undefined if the registry says that it has none. @throws TroupeError `TROUPE_REGISTRY_UNREACHABLE`, `TROUPE_ACCESS_DENIED`, `TROUPE_SCHEMA_MISMATCH` for one that is not Avro */
  schema(id: number): Promise<Type | undefined>
}

/** A Schema Registry through its HTTP API. Connects when it is first asked. */
export function registryAt(options: RegistryOptions): Registry {
  return {
    register: (type) => register(clientOf(options), type, options),
    schema: (id) => schemaOf(clientOf(options), id, options),
  }
}

/** A new one for each question: a client believes for ever what it was told once, and registries are emptied. */
function clientOf({ address, timeoutMs }: RegistryOptions): SchemaRegistry {
  const { url, auth, agent } = address
  return new SchemaRegistry({
    host: url,
    clientId: 'troupe',
    ...(auth ? { auth } : {}),
    ...(agent ? { agent } : {}),
    // Only what was read may be asked for twice by the client itself; whoever calls decides about the rest.
    retry: { retries: 2, initialRetryTimeInSecs: 0.05, maxRetryTimeInSecs: 0.5 },
    middlewares: [
      () => ({
        prepareRequest: async (next) => (await next()).enhance({ signal: AbortSignal.timeout(timeoutMs) }),
      }),
    ],
  })
}

/** TopicRecordNameStrategy: several event types share their owner's topic. */
export function subjectOf({ topic, schema }: AnyEventType, within?: string): string {
  const { name, namespace } = schema
  return `${within === undefined ? '' : `${within}.`}${topic}-${namespace === undefined || name.includes('.') ? name : `${namespace}.${name}`}`
}

async function register(
  client: SchemaRegistry,
  type: AnyEventType,
  options: RegistryOptions,
): Promise<number> {
  const subject = subjectOf(type, options.namespace)
  const schema = { type: SchemaType.AVRO, schema: JSON.stringify(type.schema) } as const
  const registerAt = async (compatibility: Compatibility) =>
    (await client.register(schema, { subject, compatibility: COMPATIBILITY[compatibility] })).id
  try {
    return await registerAt(options.compatibility)
  } catch (error) {
    const level = levelIn(error)
    if (!level) throw await refusal(error, type, subject, options)
    options.log.warn(
      { subject, type: type.type, level },
      `The registry keeps the subject ${subject} ${level}, not ${options.compatibility}. It is left so: change it with PUT ${options.address.url}/config/${subject} {"compatibility":"${options.compatibility}"} if that is not meant.`,
    )
    try {
      return await registerAt(level)
    } catch (again) {
      throw await refusal(again, type, subject, options)
    }
  }
}

/**
 * The level at which the registry keeps a subject, if that is why the client would not register: whoever
 * runs the registry has the last word on it, and some registries answer their default for every subject.
 */
function levelIn(error: unknown): Compatibility | undefined {
  const found = /^Compatibility does not match .*!= ([A-Z_]+)\)$/.exec(messageOf(error))?.[1]
  return found !== undefined && found in COMPATIBILITY ? (found as Compatibility) : undefined
}

async function refusal(
  cause: unknown,
  { type }: AnyEventType,
  subject: string,
  options: RegistryOptions,
): Promise<TroupeError> {
  const details = { type, subject, url: options.address.url }
  switch (statusOf(cause)) {
    case 409:
      return new TroupeError(
        'TROUPE_SCHEMA_INCOMPATIBLE',
        `The schema of ${type} does not agree with the versions of the subject ${subject} before it: ${said(cause)} Give new fields a default and take away only fields that have one; for any other change, name a new event.`,
        { cause, details },
      )
    case 422:
      return new TroupeError(
        'TROUPE_SCHEMA_INVALID',
        `The registry at ${options.address.url} refuses the schema of ${type} (subject ${subject}): ${said(cause)} Correct the schema.`,
        { cause, details },
      )
    default:
      return unreachable(cause, `register the schema of ${type} (subject ${subject})`, options)
  }
}

async function schemaOf(
  client: SchemaRegistry,
  id: number,
  options: RegistryOptions,
): Promise<Type | undefined> {
  let schema: unknown
  try {
    schema = await client.getSchema(id)
  } catch (cause) {
    // Either of these sends the event to the dead letters, so it has to be a registry's own word.
    if (statusOf(cause) === 404 && (await answerOf(id, options)) === 'unknown') return undefined
    if (statusOf(cause) === undefined && (await answerOf(id, options)) === 'schema') {
      throw notAvro(id, said(cause), cause)
    }
    throw await unreachable(cause, `look up the schema of id ${id}`, options)
  }
  if (!avsc.Type.isType(schema)) throw notAvro(id, 'it is a JSON or Protobuf schema', undefined)
  return schema as Type
}

/**
 * Asks again, for the body that the client keeps to itself: whether a registry answers at all, or whatever
 * else listens at its address; undefined for the latter.
 */
async function answerOf(id: number, options: RegistryOptions): Promise<'schema' | 'unknown' | undefined> {
  try {
    const { status, body } = await askRegistry(options.address, `/schemas/ids/${id}`, options.timeoutMs)
    const { error_code: code, schema } = (body ?? {}) as { error_code?: unknown; schema?: unknown }
    if (status === 404 && code === 40403) return 'unknown'
    return status < 300 && typeof schema === 'string' ? 'schema' : undefined
  } catch {
    // No answer, or none in JSON.
    return undefined
  }
}

function notAvro(id: number, problem: string, cause: unknown): TroupeError {
  return new TroupeError(
    'TROUPE_SCHEMA_MISMATCH',
    `The schema of id ${id} cannot be read as Avro: ${problem}. Let the producer of the event register an Avro schema.`,
    { cause, details: { schemaId: id, isAvro: false } },
  )
}

/** Why a registry did not do what it was asked to. Asks what it is that answers, if anything does. */
async function unreachable(
  cause: unknown,
  doing: string,
  { address, timeoutMs }: RegistryOptions,
): Promise<TroupeError> {
  const status = statusOf(cause)
  if (status === 401 || status === 403) return denialAt(address, doing, status, cause)
  const what: unknown = await pingAddress(address, timeoutMs).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return new TroupeError(
    isTroupeError(what) ? what.code : 'TROUPE_REGISTRY_UNREACHABLE',
    isTroupeError(what)
      ? `Could not ${doing}. ${what.message}`
      : `The Schema Registry at ${address.url} could not ${doing}: ${said(cause)} (given ${timeoutMs} ms). It is asked again later.`,
    { cause, details: { url: address.url } },
  )
}

/** What the registry, or the network, said: without the client's name and the status that it makes up. */
function said(error: unknown): string {
  return messageOf(error)
    .replace(/^troupe - (?:Error, status 400: )?/, '')
    .slice(0, 500)
}

/** The HTTP status of a client's error. The client gives 400 where there was no answer at all. */
function statusOf(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | undefined)?.status
  return typeof status === 'number' ? status : undefined
}
