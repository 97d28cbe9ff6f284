import { type BreakerPolicy, isDelay, retryPolicyDefault, type RetrySettings } from '@troupe/core'
import type { AdminSettings } from '../admin/admin-server.ts'
import { z } from 'zod'
import { breakerDefaults } from '../calls/breaker.ts'
import { parkedLimitsDefault, transactTimeoutMsDefault } from './limits.ts'
import { misspeltIn } from './misspelt.ts'
import { type SecureSettings, secureSettings } from './secure-settings.ts'

/** The settings of one service process. */
export interface Settings extends SecureSettings {
  /** `host:port` of one or more brokers. */
  readonly kafkaBrokers: readonly string[]
  readonly registryUrl: string
  /**
   * Goes before the name of every topic, consumer group and subject, so that several companies share one
   * cluster and one registry. Services hear each other only if theirs is the same. Default: none.
   */
  readonly namespace?: string | undefined
  /** With the password; never logged. */
  readonly databaseUrl: string
  /** Undefined: no HTTP server. */
  readonly http: { readonly host: string; readonly port: number } | undefined
  /** Where operators see and redrive what is set aside, and the token that they have to bring. Undefined: nowhere. */
  readonly admin?: AdminSettings | undefined
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /**
   * `create` makes the topics that are missing; `check` makes none, and refuses the start unless they are
   * there and the service's own is as it declares. Default: `create`.
   */
  readonly topics?: 'create' | 'check' | undefined
  /** For topics that are not there yet, and whose service declares nothing else. */
  readonly topicPartitions: number
  readonly topicReplication: number
  /** How long a start may wait for a dependency before it is refused. */
  readonly startTimeoutMs: number
  /** How long a stop may take to finish what is under way. */
  readonly stopTimeoutMs: number
  /** The largest record batch that the broker takes. */
  readonly eventBytesMax: number
  /**
   * How long the events of a partition wait for a schema that the registry does not have, before they are
   * dead-lettered. Default: 30,000.
   */
  readonly unknownSchemaWaitMs?: number | undefined
  /** What is done about events that fail, where neither their reactions nor the service say so. */
  readonly retry?: RetrySettings | undefined
  /** How many events, and how many bytes of them, one partition may have parked before it takes nothing new. Default: 100,000, 256 MiB. */
  readonly parkedEventsMax?: number | undefined
  readonly parkedBytesMax?: number | undefined
  /** How long one attempt at a `perform` may take; after the fifth its event is parked. */
  readonly performTimeoutMs: number
  /** How long one event's `transact` may take, and each of its statements; it waits for a lock a third of it. Default: 10,000. */
  readonly transactTimeoutMs?: number | undefined
  /** When the calls of a `perform` pause, where the reaction does not declare it. */
  readonly breaker?: BreakerPolicy | undefined
  /** How soon another instance takes over the partitions of one that died. */
  readonly sessionTimeoutMs: number
  /**
   * What becomes of a partition whose next event was deleted, by retention, before it was read: `halt` stops
   * it until a person has decided, `skip` goes on with the first event that is left. Default: `halt`.
   */
  readonly onDataLoss?: 'halt' | 'skip' | undefined
  /**
   * How long it is remembered that an event came before; 0: for ever. Longer than the age of the oldest backup
   * that an upstream service may ever be restored from. Default: 720, thirty days.
   */
  readonly inboxRetentionHours?: number | undefined
  /**
   * How long dead letters are kept after they were redriven or discarded, and what operators did; 0: for ever.
   * Open ones are kept until somebody decides. Default: 2160, ninety days.
   */
  readonly deadLetterRetentionHours?: number | undefined
  /** How long a command's answer is kept for its idempotency key; 0: for ever. Default: 720. */
  readonly answerRetentionHours?: number | undefined
  /**
   * Runs every reaction and command twice, and refuses one that says something else the second time. For
   * development: it costs what it does. Default: false.
   */
  readonly checksPurity?: boolean | undefined
  /** How long deadlines last, in milliseconds, by the event that they emit. Default: as declared. */
  readonly deadlinesMs?: Readonly<Record<string, number>> | undefined
  /** Stop when the process that started this one goes away. */
  readonly isStoppedWithParent: boolean
}

/** Unless a setting says otherwise. */
export const retentionHours = 720
export const deadLetterRetentionHoursDefault = 2160

/** Settings, or what is wrong with them: `run` refuses to start on the latter. */
export type Environment = { readonly settings: Settings } | { readonly problems: readonly string[] }

const address = /^(\[[0-9a-fA-F:]+\]|[^\s:,/]+):(\d{1,5})$/

const brokers = z.string().transform((text, context) => {
  const all = text.split(',').map((one) => one.trim())
  const wrong = all.find((one) => !isAddress(one))
  if (wrong !== undefined)
    context.addIssue(
      `"${wrong}" is not host:port. Separate several brokers by commas: kafka-1:9092,kafka-2:9092`,
    )
  return all
})

const httpAddress = z.string().transform((text, context) => {
  if (!isAddress(text))
    context.addIssue(`"${text}" is not host:port, such as 127.0.0.1:8080 (port 0 takes a free one)`)
  const at = text.lastIndexOf(':')
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) }
})

const deadlines = z.string().transform((text, context) => {
  const entries = text.split(',').map((one) => one.split('=').map((part) => part.trim()))
  for (const [index, [type = '', ms = '', ...rest]] of entries.entries()) {
    const isFit = /^[A-Za-z_]\w*$/.test(type) && /^\d+$/.test(ms) && isDelay(Number(ms)) && rest.length === 0
    if (!isFit)
      context.addIssue(
        `"${text.split(',')[index]}" is not an event and its milliseconds, such as ReservationOverdue=60000`,
      )
  }
  return Object.fromEntries(entries.map(([type = '', ms = '']) => [type, Number(ms)]))
})

/** It is a secret, and never repeated. */
const adminToken = z.string().regex(/^[\x21-\x7e]{16,500}$/, {
  error: 'is not 16 to 500 characters, none of them a blank. Make one: openssl rand -hex 24',
})

const namespace = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, {
  error: ({ input }) =>
    `"${input}" is not up to 32 lower-case letters, digits and dashes, starting with a letter`,
})

const variables = z.object({
  KAFKA_BROKERS: brokers,
  SCHEMA_REGISTRY_URL: urlOf(['http:', 'https:'], 'http://127.0.0.1:8081'),
  DATABASE_URL: urlOf(['postgres:', 'postgresql:'], 'postgres://order:secret@127.0.0.1:5432/order'),
  TROUPE_NAMESPACE: namespace.optional(),
  HTTP_ADDRESS: httpAddress.default({ host: '127.0.0.1', port: 0 }),
  TROUPE_ADMIN_ADDRESS: httpAddress.default({ host: '127.0.0.1', port: 0 }),
  TROUPE_ADMIN_TOKEN: adminToken.optional(),
  TROUPE_LOG_LEVEL: oneOf('debug', 'info', 'warn', 'error', 'silent').default('info'),
  TROUPE_TOPICS: oneOf('create', 'check').default('create'),
  TROUPE_TOPIC_PARTITIONS: wholeNumber(1, 1_000).default(3),
  TROUPE_TOPIC_REPLICATION: wholeNumber(1, 32_767).default(1),
  TROUPE_START_TIMEOUT_MS: wholeNumber(0, 3_600_000).default(60_000),
  TROUPE_STOP_TIMEOUT_MS: wholeNumber(100, 3_600_000).default(10_000),
  TROUPE_SESSION_TIMEOUT_MS: wholeNumber(500, 300_000).default(10_000),
  TROUPE_UNKNOWN_SCHEMA_WAIT_MS: wholeNumber(0, 3_600_000).default(30_000),
  TROUPE_RETRY_ATTEMPTS: wholeNumber(1, 1_000_000).default(retryPolicyDefault.attempts),
  TROUPE_RETRY_DELAY_MS: wholeNumber(0, 86_400_000).default(retryPolicyDefault.delayMs),
  TROUPE_RETRY_DELAY_MAX_MS: wholeNumber(0, 604_800_000).default(retryPolicyDefault.delayMsMax),
  TROUPE_RETRY_DELAY_SCALE: numberFrom(0, 1_000).default(1),
  TROUPE_PARKED_EVENTS_MAX: wholeNumber(1, 1_000_000_000).default(parkedLimitsDefault.eventsMax),
  TROUPE_PARKED_BYTES_MAX: wholeNumber(1, 1_000_000_000_000).default(parkedLimitsDefault.bytesMax),
  TROUPE_PERFORM_TIMEOUT_MS: wholeNumber(1, 3_600_000).default(30_000),
  TROUPE_TRANSACT_TIMEOUT_MS: wholeNumber(1, 600_000).default(transactTimeoutMsDefault),
  TROUPE_BREAKER_FAILURES_MAX: wholeNumber(1, 1_000_000).default(breakerDefaults.failuresMax),
  TROUPE_BREAKER_PAUSE_MS: wholeNumber(1, 3_600_000).default(breakerDefaults.pauseMs),
  TROUPE_BREAKER_PAUSE_MS_MAX: wholeNumber(1, 3_600_000).default(breakerDefaults.pauseMsMax),
  TROUPE_EVENT_BYTES_MAX: wholeNumber(1_000, 100_000_000).default(900_000),
  TROUPE_ON_DATA_LOSS: oneOf('halt', 'skip').default('halt'),
  TROUPE_INBOX_RETENTION_HOURS: wholeNumber(0, 1_000_000).default(retentionHours),
  TROUPE_ANSWER_RETENTION_HOURS: wholeNumber(0, 1_000_000).default(retentionHours),
  TROUPE_DEAD_LETTER_RETENTION_HOURS: wholeNumber(0, 1_000_000).default(deadLetterRetentionHoursDefault),
  TROUPE_CHECK_PURITY: oneOf('0', '1').default('0'),
  TROUPE_DEADLINES: deadlines.optional(),
  TROUPE_STOP_WITH_PARENT: oneOf('0', '1').default('0'),
})

const examples: Partial<Record<keyof z.infer<typeof variables>, string>> = {
  KAFKA_BROKERS: '127.0.0.1:9092',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:8081',
  DATABASE_URL: 'postgres://order:secret@127.0.0.1:5432/order',
}

/** Reads and checks the settings. Call it in `main.ts` only. An empty variable counts as a missing one. */
export function environment(
  variablesGiven: Readonly<Record<string, string | undefined>> = process.env,
): Environment {
  const given = Object.fromEntries(
    Object.entries(variablesGiven).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = variables.safeParse(given)
  const secure = secureSettings(given)
  const others = [...secure.problems, ...misspeltIn(Object.keys(given), Object.keys(variables.shape))]
  if (!parsed.success) {
    const named = parsed.error.issues.map((issue) => problemOf(String(issue.path[0]), issue.message, given))
    return { problems: [...named, ...others] }
  }
  if (others.length > 0) return { problems: others }
  const of = parsed.data
  return {
    settings: {
      kafkaBrokers: of.KAFKA_BROKERS,
      registryUrl: of.SCHEMA_REGISTRY_URL,
      namespace: of.TROUPE_NAMESPACE,
      databaseUrl: of.DATABASE_URL,
      http: of.HTTP_ADDRESS,
      admin:
        of.TROUPE_ADMIN_TOKEN === undefined
          ? undefined
          : { ...of.TROUPE_ADMIN_ADDRESS, token: of.TROUPE_ADMIN_TOKEN },
      logLevel: of.TROUPE_LOG_LEVEL,
      ...secure.settings,
      topics: of.TROUPE_TOPICS,
      topicPartitions: of.TROUPE_TOPIC_PARTITIONS,
      topicReplication: of.TROUPE_TOPIC_REPLICATION,
      startTimeoutMs: of.TROUPE_START_TIMEOUT_MS,
      stopTimeoutMs: of.TROUPE_STOP_TIMEOUT_MS,
      eventBytesMax: of.TROUPE_EVENT_BYTES_MAX,
      unknownSchemaWaitMs: of.TROUPE_UNKNOWN_SCHEMA_WAIT_MS,
      retry: {
        attempts: of.TROUPE_RETRY_ATTEMPTS,
        delayMs: of.TROUPE_RETRY_DELAY_MS,
        delayMsMax: of.TROUPE_RETRY_DELAY_MAX_MS,
        delayScale: of.TROUPE_RETRY_DELAY_SCALE,
      },
      parkedEventsMax: of.TROUPE_PARKED_EVENTS_MAX,
      parkedBytesMax: of.TROUPE_PARKED_BYTES_MAX,
      performTimeoutMs: of.TROUPE_PERFORM_TIMEOUT_MS,
      transactTimeoutMs: of.TROUPE_TRANSACT_TIMEOUT_MS,
      breaker: {
        failuresMax: of.TROUPE_BREAKER_FAILURES_MAX,
        pauseMs: of.TROUPE_BREAKER_PAUSE_MS,
        pauseMsMax: of.TROUPE_BREAKER_PAUSE_MS_MAX,
      },
      sessionTimeoutMs: of.TROUPE_SESSION_TIMEOUT_MS,
      onDataLoss: of.TROUPE_ON_DATA_LOSS,
      inboxRetentionHours: of.TROUPE_INBOX_RETENTION_HOURS,
      answerRetentionHours: of.TROUPE_ANSWER_RETENTION_HOURS,
      deadLetterRetentionHours: of.TROUPE_DEAD_LETTER_RETENTION_HOURS,
      checksPurity: of.TROUPE_CHECK_PURITY === '1',
      deadlinesMs: of.TROUPE_DEADLINES,
      isStoppedWithParent: of.TROUPE_STOP_WITH_PARENT === '1',
    },
  }
}

/** Adds what is wrong with settings of the service's own, so that all of it is said at once. */
export function withProblems(environment: Environment, problems: readonly string[]): Environment {
  if (problems.length === 0) return environment
  return { problems: 'problems' in environment ? [...environment.problems, ...problems] : problems }
}

function problemOf(name: string, message: string, given: Readonly<Record<string, unknown>>): string {
  if (name in given) return `${name}: ${message}`
  const example = examples[name as keyof typeof examples]
  return `${name} is missing${example === undefined ? '' : `. Set it, for example: ${name}=${example}`}`
}

function wholeNumber(min: number, max: number) {
  return z.string().transform((text, context) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max))
      context.addIssue(`"${text}" is not a whole number from ${min} to ${max}`)
    return value
  })
}

function numberFrom(min: number, max: number) {
  return z.string().transform((text, context) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) context.addIssue(`"${text}" is not a number from ${min} to ${max}`)
    return value
  })
}

function oneOf<const T extends string>(...words: readonly T[]) {
  const isWord = (text: string): text is T => words.some((word) => word === text)
  return z
    .string()
    .refine(isWord, { error: ({ input }) => `"${String(input)}" is none of ${words.join(', ')}` })
}

/** A URL of one of these protocols. The value itself may hold a password and is never repeated. */
function urlOf(protocols: readonly string[], example: string) {
  return z.string().transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (!url || !protocols.includes(url.protocol) || url.hostname === '') {
      context.addIssue(
        `is not a URL with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}, such as ${example}`,
      )
    }
    return text
  })
}

function isAddress(text: string): boolean {
  const port = address.exec(text)?.[2]
  return port !== undefined && Number(port) <= 65_535
}
