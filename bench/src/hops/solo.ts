import { startStack } from '@troupe/embedded'
import { fileURLToPath } from 'node:url'
import { type Cast, castOf } from '../processes/cast.ts'
import type { Child } from '../processes/child.ts'
import type { Contender } from './contender.ts'
import { openRig, type Rig } from './rig.ts'
import { seasonLog } from './season-log.ts'

/** One service alone on a stack of its own, and what drives it. */
export interface Solo {
  readonly name: string
  readonly rig: Rig
  /** Can be asked for a CPU profile; see `profile/probe.ts`. */
  readonly child: Child
  readonly cast: Cast
  /** A superuser's, to the service's database. */
  readonly adminUrl: string
  close(): Promise<void>
}

export interface SoloOptions {
  readonly signal: AbortSignal
  /** Its numbers mean nothing: its database may be as new as it is. */
  readonly isQuick: boolean
  /** As for {@link openRig}. */
  readonly newId?: () => string
}

/** Starts stack and service; what has started is stopped if it fails. */
export async function openSolo(contender: Contender, { signal, isQuick, newId }: SoloOptions): Promise<Solo> {
  const { name } = contender
  const undo: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step()
  }
  try {
    const stack = await startStack()
    undo.push(() => stack.stop())
    if (!isQuick) await seasonLog(stack.postgres.url)
    const rig = await openRig(contender, stack, signal, newId)
    undo.push(() => rig.close())
    const databaseUrl = await stack.postgres.createDatabase({ name })
    const preload = fileURLToPath(import.meta.resolve('../profile/probe.js'))
    const child = await contender.start(stack, { databaseUrl, preload, signal })
    undo.push(() => child.stop())
    const adminUrl = new URL(stack.postgres.url)
    adminUrl.pathname = `/${name}`
    const cast = castOf({ [name]: child.pid }, stack.postgres.pid)
    return { name, rig, child, cast, adminUrl: adminUrl.href, close }
  } catch (error) {
    await close()
    throw error
  }
}
