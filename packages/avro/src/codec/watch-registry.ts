// Whether the registry still is the one that it was.
//
// Invariants
// 1. A check costs one request as long as nothing has changed: for one schema, whatever their number. Own
//    and others' take turns, so that a registry that was emptied is noticed at the first or second check.
// 2. Only the owner of a schema registers it again. What another service lost is said once, in `lost`.

import { randomInt } from 'node:crypto'
import type { Type } from 'avsc'
import type { AnyEventType, Log } from '@troupe/core'
import { pingAddress } from './ask-registry.ts'
import { fingerprintOf, type KnownSchema, type KnownSchemas } from './known-schemas.ts'
import type { Registry } from './registry.ts'
import type { RegistryAddress } from './registry-address.ts'
import type { UnregisteredSchema } from './writing.ts'

export interface WatchOptions {
  readonly registry: Registry
  readonly address: RegistryAddress
  readonly timeoutMs: number
  readonly known: KnownSchemas
  readonly learn: (id: number, type: Type) => void
  readonly writing: {
    unregistered(): readonly UnregisteredSchema[]
    types(): readonly AnyEventType[]
    fingerprints(): ReadonlySet<string>
    forgetRegistrations(): void
    register(types: readonly AnyEventType[]): Promise<void>
  }
  readonly onLoss: () => void
  readonly log: Log
}

/** @returns what makes one check, and resolves to how many losses were found so far */
export function watchRegistry(options: WatchOptions): () => Promise<number> {
  const { registry, address, timeoutMs, known, learn, writing, onLoss, log } = options
  const lost = new Set<KnownSchema>()
  let losses = 0
  // Instances that start together need not ask for the same one.
  let turn = randomInt(1_000)

  function nextInTurn(): KnownSchema | undefined {
    const mine = writing.fingerprints()
    const all = known.all()
    const own = all.filter(({ fingerprint }) => mine.has(fingerprint))
    const others = all.filter((one) => !mine.has(one.fingerprint) && !lost.has(one))
    const some = (turn % 2 === 0 && own.length > 0) || others.length === 0 ? own : others
    return some[Math.floor(turn++ / 2) % Math.max(1, some.length)]
  }

  async function onLost(one: KnownSchema, found: Type | undefined): Promise<void> {
    losses++
    onLoss()
    const what = `The registry at ${address.url} ${found ? 'has another schema under' : 'no longer has the schema of'} the id ${one.id}, which was ${String(one.type.name)}`
    const facts = { schemaId: one.id, fingerprint: one.fingerprint, url: address.url }
    if (found) learn(one.id, found)
    if (!writing.fingerprints().has(one.fingerprint)) {
      lost.add(one)
      log.info(facts, `${what}. Events that were written with it are read as before.`)
      return
    }
    log.warn(facts, `${what}: it was emptied or replaced. The schemas of this service are registered again.`)
    writing.forgetRegistrations()
    await writing.register(writing.types())
  }

  return async () => {
    if (writing.unregistered().length > 0) {
      await writing.register(writing.types())
      return losses
    }
    const one = nextInTurn()
    if (!one) {
      await pingAddress(address, timeoutMs)
      return losses
    }
    const found = await registry.schema(one.id)
    if (!found || fingerprintOf(found) !== one.fingerprint) await onLost(one, found)
    return losses
  }
}
