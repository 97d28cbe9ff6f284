import { type Limits, refuseUnfitNumbers, refuseValue, settingOf } from './declared.ts'
import type { Reaction } from './reaction.ts'

/** What is done about an event whose reaction fails, as data. */
export interface RetryPolicy {
  /** How often it is tried in all, the first time included; `Infinity`: until it works. */
  readonly attempts: number
  /** From the first failure to the second attempt. */
  readonly delayMs: number
  /** By how much each delay is longer than the one before. */
  readonly factor: number
  /** No delay is longer, except by its jitter. */
  readonly delayMsMax: number
  /** By which part of itself a delay may be longer, at random, 0 to 1: what failed together is not tried together. */
  readonly jitter: number
  /**
   * What becomes of the events of its key behind it, once it is a dead letter: they are handled without it,
   * or stay parked until a person redrives or discards it.
   */
  readonly followers: 'release' | 'hold'
}

/** Six attempts in about two minutes. */
export const retryPolicyDefault: RetryPolicy = {
  attempts: 6,
  delayMs: 1_000,
  factor: 3,
  delayMsMax: 60_000,
  jitter: 0.2,
  followers: 'release',
}

/** What a process says of policies: what its reactions do not declare, and how fast time runs for all of them. */
export interface RetrySettings {
  readonly attempts?: number | undefined
  readonly delayMs?: number | undefined
  readonly delayMsMax?: number | undefined
  /** Delays are multiplied by this, also declared ones: a test need not wait. Default: 1. */
  readonly delayScale?: number | undefined
}

/** What happens to an event that has failed. */
export type FailureVerdict =
  | { readonly form: 'park'; readonly delayMs: number }
  | { readonly form: 'dead-letter'; readonly followers: RetryPolicy['followers'] }

/**
 * What becomes of an event that has failed `attempts` times.
 *
 * @param random 0 up to 1, for the jitter
 */
export function afterFailure(attempts: number, policy: RetryPolicy, random: number): FailureVerdict {
  const { delayMs, factor, delayMsMax, jitter, followers } = policy
  if (attempts >= policy.attempts) return { form: 'dead-letter', followers }
  // An exponent that is too large gives Infinity, of which the smaller one is taken; no delay stays none.
  const grown = delayMs === 0 ? 0 : Math.min(delayMs * factor ** (attempts - 1), delayMsMax)
  return { form: 'park', delayMs: Math.round(grown * (1 + jitter * random)) }
}

/**
 * A reaction's policy: what it declares, else its service, else the settings, else the defaults. An undo is
 * tried without end unless its own declaration says otherwise: nobody but a person could end its saga.
 */
export function retryPolicyOf(
  { form, retry }: Pick<Reaction, 'form' | 'retry'>,
  ofService: Partial<RetryPolicy> = {},
  { delayScale = 1, ...settings }: RetrySettings = {},
): RetryPolicy {
  const common = { ...retryPolicyDefault, ...present(settings), ...present(ofService) }
  const policy = {
    ...common,
    ...(form === 'undo' ? { attempts: Number.POSITIVE_INFINITY } : {}),
    ...present(retry ?? {}),
  }
  return { ...policy, delayMs: policy.delayMs * delayScale, delayMsMax: policy.delayMsMax * delayScale }
}

const daysMs = 24 * 3_600_000

const limits = {
  attempts: { min: 1, max: Number.POSITIVE_INFINITY },
  delayMs: { min: 0, max: 7 * daysMs, isFraction: true },
  factor: { min: 1, max: 100, isFraction: true },
  delayMsMax: { min: 0, max: 30 * daysMs, isFraction: true },
  jitter: { min: 0, max: 1, isFraction: true },
} satisfies Record<Exclude<keyof RetryPolicy, 'followers'>, Limits>

const names = [...Object.keys(limits), 'followers']

/**
 * What a declaration says of retries, as a copy; `whose` names who declares it.
 *
 * @throws TroupeError `TROUPE_DECLARATION_INVALID` for what no policy can say
 */
export function declaredPolicy(retry: Partial<RetryPolicy>, whose: string): Partial<RetryPolicy> {
  const policy = settingOf(retry, 'retry', whose, names)
  refuseUnfitNumbers(policy, limits, 'retry', whose)
  const followers: unknown = policy.followers
  if (followers !== undefined && followers !== 'release' && followers !== 'hold') {
    refuseValue(followers, 'retry.followers', whose, "Use 'release' or 'hold'.")
  }
  return Object.freeze(policy)
}

/** Without what is undefined, which would hide what is below it. */
function present<Part extends object>(part: Part): { [Name in keyof Part]?: Exclude<Part[Name], undefined> } {
  const entries = Object.entries(part).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [Name in keyof Part]?: Exclude<Part[Name], undefined> }
}
