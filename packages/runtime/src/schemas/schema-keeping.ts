// What a service knows of schemas, between its codec, its ledger and the registry.
//
// | start                        | the registry answers    | the registry is away                             |
// |------------------------------|-------------------------|--------------------------------------------------|
// | nothing is remembered        | registered, or refused  | waits, and is refused in the end                  |
// | some of its own remembered   | registered, or refused  | starts; what is new waits until it is registered  |
//
// Invariants
// 1. What the registry said is kept in the ledger before long: what could not be kept is tried again with
//    the next check.
// 2. A refusal after the start is tried again with backoff, and never stops the service.

import type { AvroCodec, UnregisteredSchema } from '@troupe/avro'
import {
  isTroupeError,
  type Ledger,
  type Log,
  messageOf,
  type Service,
  type StoredSchema,
  type TroupeError,
} from '@troupe/core'

export interface SchemaKeepingOptions {
  readonly service: Pick<Service, 'name' | 'says'>
  readonly codec: Pick<AvroCodec, 'register' | 'remember' | 'takeLearned' | 'unregistered' | 'checkRegistry'>
  readonly ledger: Pick<Ledger, 'schemas' | 'keepSchemas'>
  readonly log: Log
  readonly now: () => number
}

export interface SchemaKeeping {
  /** Takes in what the ledger remembers. @throws TroupeError `TROUPE_DATABASE_UNREACHABLE` */
  recall(): Promise<void>
  /** Registers what the service says. @throws as the codec's `register` does */
  register(): Promise<void>
  /** True if the service can start with what it remembers, after this error. */
  canDoWithout(error: unknown): boolean
  /** Says that it does. */
  sayDoneWithout(): void
  /** One question to the registry. @throws TroupeError `TROUPE_REGISTRY_UNREACHABLE`, `TROUPE_ACCESS_DENIED` */
  check(): Promise<void>
  /** The types of this service whose schemas the registry has not confirmed. */
  unregistered(): readonly UnregisteredSchema[]
  /** How often the registry was found to have lost something. */
  losses(): number
}

const refusedAgainMs = { first: 2_000, max: 60_000 }

export function createSchemaKeeping({
  service,
  codec,
  ledger,
  log,
  now,
}: SchemaKeepingOptions): SchemaKeeping {
  let unkept: readonly StoredSchema[] = []
  let isRecalled = false
  let losses = 0
  let refusal: { readonly untilMs: number; readonly waitMs: number } | undefined

  async function keep(): Promise<void> {
    unkept = [...unkept, ...codec.takeLearned()]
    if (unkept.length === 0 || !isRecalled) return
    const keeping = unkept
    try {
      await ledger.keepSchemas(keeping)
      unkept = unkept.slice(keeping.length)
    } catch (error) {
      log.debug({ err: error }, `the ledger could not keep schemas for now: ${messageOf(error)}`)
    }
  }

  function refused(error: TroupeError): void {
    const waitMs = Math.min(refusal ? refusal.waitMs * 2 : refusedAgainMs.first, refusedAgainMs.max)
    refusal = { waitMs, untilMs: now() + waitMs }
    log.error(
      { err: error, againMs: waitMs },
      `The registry does not take a schema of ${service.name}; it is tried again: ${error.message}`,
    )
  }

  return {
    async recall() {
      codec.remember(await ledger.schemas())
      isRecalled = true
    },
    async register() {
      await codec.register(service.says)
      await keep()
    },
    canDoWithout: (error) =>
      isRecalled &&
      isTroupeError(error, 'TROUPE_REGISTRY_UNREACHABLE') &&
      codec.unregistered().some(({ state }) => state === 'remembered'),
    sayDoneWithout() {
      const awaited = codec.unregistered().flatMap(({ type, state }) => (state === 'awaited' ? [type] : []))
      log.warn(
        { awaited },
        `${service.name} starts without the registry, with the schemas that it remembers${
          awaited.length === 0 ? '' : `; ${awaited.join(', ')} cannot be emitted before the registry is back`
        }`,
      )
    },
    async check() {
      if (refusal && now() < refusal.untilMs) return
      try {
        losses = await codec.checkRegistry()
        refusal = undefined
      } catch (error) {
        if (!isRefusal(error)) throw error
        refused(error)
      } finally {
        // Also what it said before it went away: that is when it will be needed.
        await keep()
      }
    },
    unregistered: codec.unregistered,
    losses: () => losses,
  }
}

/** The registry answers, and says no. */
function isRefusal(error: unknown): error is TroupeError {
  return isTroupeError(error, 'TROUPE_SCHEMA_INCOMPATIBLE') || isTroupeError(error, 'TROUPE_SCHEMA_INVALID')
}
