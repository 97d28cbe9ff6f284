import { expect } from '@jest/globals'
import type { OrderKind } from '@troupe/cli'
import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judge, type Verdict } from '../checks/check.ts'
import type { PlacedOrder } from '../checks/facts.ts'
import { untilDrained } from '../facts/drained.ts'
import { gather } from '../facts/gather.ts'
import { placeOrders } from '../load/order-load.ts'
import { textOf } from '../processes/child.ts'
import { compiled } from '../processes/compiled.ts'
import type { Equipment } from '../world/instance.ts'
import { createWorld, type World, type WorldOptions } from '../world/world.ts'

/** `CHAOS_LONG=1` runs the rows as long as they are meant to; else they are shortened for the suite. */
export const isLong = process.env['CHAOS_LONG'] === '1'
/** For one row, on a machine that does much else. */
export const rowTimeoutMs = isLong ? 600_000 : 300_000

/** One world for the rows of a file. Orders of every row stay: each ends with the checks over all of them. */
export interface Stage {
  readonly world: World
  /** Places orders of these kinds, or of all, as fast as they are taken, or over this time; resolves when all are taken. */
  place(count: number, durationMs?: number, kinds?: readonly OrderKind[]): Promise<void>
  /** Starts an instance anew, with a failpoint. */
  equipWith(instance: string, failpoints: string): Promise<void>
  /** Resolves when an instance has ended by its failpoint and runs again, without one. */
  diesAndComesBack(instance: string): Promise<void>
  /** Waits until nothing moves, and checks everything. @throws if anything is wrong */
  settled(): Promise<Verdict>
  /** What an instance has said so far. */
  logOf(instance: string): string
  close(): Promise<void>
}

let seeds = 0

export interface StageOptions extends Omit<WorldOptions, 'folder' | 'onEnd'> {
  /** With which failpoints an instance is started; see the README. */
  readonly failpoints?: Readonly<Record<string, string>>
}

/** For an instance that is to have failpoints, or a planted bug. */
export function grafted(text: string): Equipment {
  return {
    nodeArguments: ['--import', join(compiled, 'graft', 'register.js')],
    environment: { TROUPE_GRAFTS: text },
  }
}

export async function openStage({ failpoints = {}, ...options }: StageOptions = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-rows-'))
  const orders: PlacedOrder[] = []
  const surprises: string[] = []
  const mayDie = new Set(Object.keys(failpoints))
  const over = new AbortController()
  const world = await createWorld({
    sessionTimeoutMs: 1_000,
    ...options,
    folder,
    onEnd(name, exit) {
      if (!mayDie.has(name)) surprises.push(`${name} ended by itself ${textOf(exit)}`)
    },
  })
  const graft = (instance: string, text: string) => world.instance(instance).equip(grafted(text))
  for (const [instance, text] of Object.entries(failpoints)) graft(instance, text)
  await world.start()
  return {
    world,
    async place(count, durationMs = 0, kinds) {
      seeds += 1
      const placed = await placeOrders({
        count,
        seed: seeds,
        durationMs,
        ...(kinds ? { kinds } : {}),
        urls: () =>
          [...world.instances.values()].filter(({ service }) => service === 'order').map(({ url }) => url),
        signal: over.signal,
      })
      orders.push(...placed)
    },
    async equipWith(instance, text) {
      const { part } = world.instance(instance)
      await part.stop()
      mayDie.add(instance)
      graft(instance, text)
      await part.start()
    },
    async diesAndComesBack(instance) {
      const { part, equip } = world.instance(instance)
      await part.gone()
      mayDie.delete(instance)
      equip({})
      await part.start()
    },
    async settled() {
      const { open, topics } = await untilDrained(world, { timeoutMs: 90_000 })
      const verdict = judge(await gather(world, orders, topics))
      expect({ open, surprises, violations: verdict.violations }).toEqual({
        open: [],
        surprises: [],
        violations: [],
      })
      return verdict
    },
    logOf: (instance) => readFileSync(join(folder, 'logs', `${instance}.log`), 'utf8'),
    async close() {
      over.abort(new Error('the stage is closed'))
      await world.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
