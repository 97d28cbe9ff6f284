import { type EmbeddedPostgres, startPostgres, startStack } from '@troupe/embedded'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pileUp } from '../hops/measure.ts'
import { openRig, type Rig } from '../hops/rig.ts'
import { troupePayment } from '../hops/troupe.ts'
import { castOf } from '../processes/cast.ts'
import type { Child } from '../processes/child.ts'
import { canReadProcesses, readPeakMemoryMiB } from '../processes/reading.ts'
import type { Figures } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'

/** How long a service needs for what came while it was away, and how much memory. */
export const drain: BenchCase = {
  name: 'drain',
  title: 'what came to the payment service during an outage, from its end until the last of it is published',
  sizes: {
    'warm-up': { full: 20_000, quick: 200, what: 'hops before the outage' },
    events: { full: 50_000, quick: 300, what: 'events that come during the outage' },
    seconds: { full: 60, quick: 1, what: 'seconds that the outage lasts' },
  },
  async run(scene) {
    const stack = await startStack()
    // Under the system's temporary folder itself: the server's user must be able to get there.
    const dir = await mkdtemp(join(tmpdir(), 'bench-drain-'))
    let postgres: EmbeddedPostgres | undefined
    try {
      const password = randomUUID()
      const startDatabase = async (port: number) => {
        postgres = await startPostgres({ dir, port })
        return postgres.createDatabase({ name: 'payment', password })
      }
      const databaseUrl = await startDatabase(0)
      const port = postgres?.port ?? 0
      const { signal } = scene
      const rig = await openRig(troupePayment, stack, signal)
      const start = () => troupePayment.start(stack, { databaseUrl, signal, environment: settingsOf(scene) })
      let child = await start()
      try {
        await pileUp(rig, child, castOf({}), scene.size('warm-up'))
        const killed = await outage(scene, rig, () => child, {
          begin: () => child.kill(),
          async end() {
            child = await start()
          },
        })
        const databaseAway = await outage(scene, rig, () => child, {
          begin: async () => postgres?.stop(),
          end: async () => void (await startDatabase(port)),
        })
        return {
          ...figuresOf('process killed', killed, scene),
          ...figuresOf('database away', databaseAway, scene),
        }
      } finally {
        await child.stop()
        await rig.close()
      }
    } finally {
      await postgres?.stop()
      await stack.stop()
      await rm(dir, { recursive: true, force: true })
    }
  },
}

function settingsOf({ size }: Scene): Readonly<Record<string, string>> {
  return {
    // The group has given up on a process that was killed before the outage ends, however short that is.
    TROUPE_SESSION_TIMEOUT_MS: String(Math.min(10_000, Math.max(500, size('seconds') * 500))),
    // As Node limits itself in a container of 256 MB: it takes as much as it may.
    NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --max-old-space-size=128`,
    // That the database is away is meant.
    TROUPE_LOG_LEVEL: 'error',
  }
}

interface Drained {
  readonly seconds: number
  /** Undefined where processes cannot be read. */
  readonly peakMiB: number | undefined
}

async function outage(
  { size, note }: Scene,
  rig: Rig,
  child: () => Child,
  { begin, end }: { begin(): Promise<void>; end(): Promise<void> },
): Promise<Drained> {
  await begin()
  await rig.pace(size('events') / size('seconds'), size('seconds'))
  const sinceMs = performance.now()
  await end()
  note(`back after ${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`)
  await Promise.race([rig.done(), child().failed])
  const seconds = (rig.lastSeenAtMs() - sinceMs) / 1_000
  note(`drained after ${seconds.toFixed(1)} s`)
  return { seconds, peakMiB: canReadProcesses ? readPeakMemoryMiB(child().pid) : undefined }
}

function figuresOf(what: string, { seconds, peakMiB }: Drained, { size }: Scene): Figures {
  return {
    [`outage [${what}]`]: { value: size('seconds'), unit: 's' },
    [`drained [${what}]`]: { value: seconds, unit: 's', aim: { atMost: 15 } },
    [`hops a second [${what}]`]: { value: size('events') / seconds, unit: 'hops/s' },
    ...(peakMiB === undefined
      ? {}
      : { [`resident at peak [${what}]`]: { value: peakMiB, unit: 'MiB' as const, aim: { atMost: 256 } } }),
  }
}
