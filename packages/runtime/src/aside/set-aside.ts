import {
  afterFailure,
  type AsideRecord,
  type BoundReaction,
  callsPaused,
  type Changes,
  type Deciding,
  deadLetterIdOf,
  deadLetterOf,
  type Delivery,
  failureOf,
  keyNameOf,
  type KeyPlace,
  logPlaceOf,
  messageOf,
  type RawRecord,
  type RetryPolicy,
  retryPolicyOf,
  type RetrySettings,
  sayable,
  type Service,
} from '@troupe/core'
import { factsOf } from '../batch/decode.ts'
import type { Turn } from '../batch/decide.ts'
import type { SparingLog } from '../observe/sparing-log.ts'

/** What is known of a parked record that is tried again. */
export interface Retry {
  readonly key: KeyPlace
  /** How often it has failed; 0 for one that only followed. */
  readonly attempts: number
  readonly firstFailedAtMs: number | undefined
  /** How often it has been a dead letter, and was redriven. */
  readonly redrives: number
  /** What came of it, the last time that it was decided on. */
  outcome: RetryOutcome | undefined
}

export type RetryOutcome = 'handled' | 'failed' | 'paused' | 'dead-lettered'

export interface SetAsideOptions {
  readonly service: Service
  readonly deciding: Pick<Deciding, 'timeMs'>
  readonly policyOf: (bound: BoundReaction) => RetryPolicy
  /** 0 up to 1: for delays, so that what failed together is not tried together. */
  readonly random: () => number
  /** A bug fails as many events as there are. */
  readonly sparingLog: SparingLog
}

/** Each reaction's policy, worked out once. */
export function policiesOf(
  { retry }: Pick<Service, 'retry'>,
  settings: RetrySettings | undefined,
): SetAsideOptions['policyOf'] {
  const known = new WeakMap<BoundReaction, RetryPolicy>()
  return (bound) => {
    let policy = known.get(bound)
    if (!policy) known.set(bound, (policy = retryPolicyOf(bound.reaction, retry, settings)))
    return policy
  }
}

/** What comes of an event that failed: its key is parked, or it is a dead letter. Bytes that nobody can read are one at once. */
export function setAside(turn: Turn, thrown: unknown, options: SetAsideOptions): Changes {
  const { heard, retry } = turn
  const error = sayable(thrown)
  const attempts = (retry?.attempts ?? 0) + 1
  const verdict = heard.delivery
    ? afterFailure(attempts, options.policyOf(heard.delivery.bound), options.random())
    : ({ form: 'dead-letter', followers: 'release' } as const)
  return verdict.form === 'park'
    ? park(turn, error, { attempts, delayMs: verdict.delayMs }, options)
    : deadLetter(turn, error, { attempts, isHolding: verdict.followers === 'hold' }, options)
}

/**
 * An event whose call is not to be made now, `because` the latest ones failed with that: its key is parked until
 * they are made again. It has not failed.
 */
export function paused(
  { heard, span, retry }: Turn,
  delivery: Delivery,
  because: unknown,
  { sparingLog }: Pick<SetAsideOptions, 'sparingLog'>,
): Changes {
  const { record } = heard
  const reaction = delivery.bound.name
  if (retry) retry.outcome = 'paused'
  span?.became('parked')
  sparingLog.say(
    'info',
    `paused, ${reaction}`,
    { ...factsOf(heard, span?.traceId), reaction },
    `the calls of ${reaction} are paused: the key of an event is parked until they are made again`,
  )
  const key = retry?.key ?? placeOf(record)
  const failure = callsPaused(reaction, because)
  const next = { state: 'paused', attempts: retry?.attempts ?? 0, failure } as const
  return {
    ...nothing,
    aside: [{ form: 'park', key, next, record: retry ? undefined : asideOf(record, delivery) }],
  }
}

/** What comes behind a parked key. */
export function follow(record: RawRecord, delivery: Delivery): Changes {
  const key = placeOf(record)
  return { ...nothing, aside: [{ form: 'follow', key, record: asideOf(record, delivery) }] }
}

/** A parked record is dealt with. */
export function handled({ heard }: Turn, retry: Retry): Changes {
  retry.outcome = 'handled'
  return { ...nothing, aside: [{ form: 'done', key: retry.key, logPlace: logPlaceOf(heard.record) }] }
}

function park(
  { heard, span, retry }: Turn,
  error: unknown,
  { attempts, delayMs }: { readonly attempts: number; readonly delayMs: number },
  { policyOf, sparingLog }: SetAsideOptions,
): Changes {
  const { record, delivery } = heard
  const failure = failureOf(error, delivery?.bound.name)
  if (retry) retry.outcome = 'failed'
  span?.became('parked', error, attempts)
  const attemptsMax = delivery ? policyOf(delivery.bound).attempts : attempts
  const isLast = Number.isFinite(attemptsMax)
  sparingLog.say(
    'warn',
    `parked, ${failure.group}`,
    {
      ...factsOf(heard, span?.traceId),
      reaction: failure.reaction,
      group: failure.group,
      attempts,
      ...(isLast ? { attemptsMax } : {}),
      delayMs,
      err: error,
    },
    `${failure.reaction} failed; its key is parked, and tried again in ${delayMs} ms${isLast ? '' : ', until it works'}: ${messageOf(error)}`,
  )
  const next = { state: 'waiting', delayMs, attempts, failure } as const
  const key = retry?.key ?? placeOf(record)
  return {
    ...nothing,
    aside: [{ form: 'park', key, next, record: retry ? undefined : asideOf(record, delivery) }],
  }
}

function deadLetter(
  { heard, span, retry }: Turn,
  error: unknown,
  { attempts, isHolding }: { readonly attempts: number; readonly isHolding: boolean },
  { service, deciding, sparingLog }: SetAsideOptions,
): Changes {
  const { record, delivery } = heard
  const { deadLetterTopic } = service
  const failure = failureOf(error, delivery?.bound.name)
  if (retry) retry.outcome = 'dead-lettered'
  span?.became('dead-lettered', error, attempts)
  sparingLog.say(
    'error',
    `dead letter, ${failure.group}`,
    {
      ...factsOf(heard, span?.traceId),
      reaction: failure.reaction,
      group: failure.group,
      attempts,
      deadLetterTopic,
      err: error,
    },
    `An event could not be handled and goes to ${deadLetterTopic}: ${messageOf(error)}`,
  )
  const { event } = asideOf(record, delivery)
  const key = retry?.key ?? placeOf(record)
  const id = deadLetterIdOf(record)
  const firstFailedAtMs = retry?.firstFailedAtMs
  const letter = { id, key: key.key, record, event, failure, attempts, firstFailedAtMs }
  const next = { state: 'held', deadLetter: id, attempts, failure } as const
  return {
    ...(event ? { inbox: { ...event, outcome: 'dead-lettered' as const } } : {}),
    documents: nothing.documents,
    outbox: [
      deadLetterOf(record, failure, {
        group: service.name,
        deadLetterTopic,
        firstFailedAtMs: firstFailedAtMs ?? deciding.timeMs,
        failedAtMs: deciding.timeMs,
        attempts,
        redrives: retry?.redrives ?? 0,
      }),
    ],
    aside: [
      { form: 'dead-letter', letter },
      ...(retry ? [{ form: 'done' as const, key, logPlace: logPlaceOf(record) }] : []),
      ...(isHolding ? [{ form: 'park' as const, key, next, record: undefined }] : []),
    ],
  }
}

export function placeOf(record: RawRecord): KeyPlace {
  return { topic: record.topic, partition: record.partition, key: keyNameOf(record) }
}

export function asideOf(record: RawRecord, delivery: Delivery | undefined): AsideRecord {
  if (!delivery) return { record, event: undefined }
  const { source, id, type, correlationId: saga } = delivery.event
  return { record, event: { source, id, type, saga } }
}

const nothing: Changes = { documents: new Map(), outbox: [] }
