import { startStack } from '@troupe/embedded'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { pileUp } from '../hops/measure.ts'
import { openRig } from '../hops/rig.ts'
import { troupePayment } from '../hops/troupe.ts'
import { castOf } from '../processes/cast.ts'
import type { Child } from '../processes/child.ts'
import { type Figures, medianOf } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'

/** Whether deadlines that wait cost anything, and how late they are when they are due. */
export const deadlines: BenchCase = {
  name: 'deadlines',
  title: 'one service with 100,000 deadlines pending and with none, in turns; then many that are due',
  sizes: {
    pending: { full: 100_000, quick: 1_000, what: 'deadlines that wait' },
    'warm-up': { full: 20_000, quick: 200, what: 'hops before, for V8 to compile' },
    hops: { full: 20_000, quick: 200, what: 'hops in each round' },
    rounds: { full: 3, quick: 1, what: 'rounds of each' },
    due: { full: 2_000, quick: 50, what: 'deadlines that become due while the others wait' },
    seconds: { full: 10, quick: 1, what: 'seconds in which they do' },
  },
  async run(scene) {
    const { signal, size, note } = scene
    const stack = await startStack()
    const undo: (() => Promise<unknown>)[] = [() => stack.stop()]
    try {
      const databaseUrl = await stack.postgres.createDatabase({ name: 'payment' })
      const rig = await openRig(troupePayment, stack, signal)
      undo.push(() => rig.close())
      const child = await troupePayment.start(stack, { databaseUrl, signal })
      undo.push(() => child.stop())
      const client = new Client({ connectionString: databaseUrl })
      await client.connect()
      undo.push(() => client.end())
      const cast = castOf({ payment: child.pid }, stack.postgres.pid)
      await pileUp(rig, child, cast, size('warm-up'))
      const rates = { none: [] as number[], pending: [] as number[] }
      for (let round = 1; round <= size('rounds'); round += 1) {
        for (const kind of ['none', 'pending'] as const) {
          await client.query('DELETE FROM troupe.deadline')
          if (kind === 'pending') await fill(client, size('pending'), 86_400, 86_400)
          rates[kind].push((await pileUp(rig, child, cast, size('hops'))).perSecond)
        }
        note(
          `round ${round}/${size('rounds')}: ${rates.none.at(-1)?.toFixed(0)} and ${rates.pending.at(-1)?.toFixed(0)} hops/s`,
        )
      }
      const [none, pending] = [medianOf(rates.none), medianOf(rates.pending)]
      return {
        'hops a second [none]': { value: none, unit: 'hops/s' },
        'hops a second [pending]': { value: pending, unit: 'hops/s' },
        'hops a second [pending / none]': { value: pending / none, unit: 'ratio', aim: { atLeast: 0.95 } },
        ...(await lateness(scene, client, child)),
      }
    } finally {
      for (let step = undo.pop(); step; step = undo.pop()) await step()
    }
  },
}

const filler = 'filler'

/** Deadlines of a small event, due at even intervals from `from` seconds on, for `during` seconds. */
async function fill(client: Client, count: number, from: number, during: number): Promise<void> {
  await client.query(
    `INSERT INTO troupe.deadline (saga, name, due_at, id, lane, topic, key, key_is_text, headers, value)
     SELECT saga, $5, now() + make_interval(secs => $2::float8 + $3::float8 * n / $1::float8),
       saga || '-' || $4, 'commands', 'payment.events', convert_to(saga, 'UTF8'), true, $6::json, $7::bytea
     FROM generate_series(1, $1::int) AS n, LATERAL (SELECT 'filler-' || $2::text || '-' || n AS saga) AS named`,
    [count, String(from), String(during), String(Date.now()), filler, { ce_type: filler }, Buffer.alloc(60)],
  )
  await client.query('ANALYZE troupe.deadline')
}

/** As the service has measured it, by the database's clock. */
async function lateness({ size, signal }: Scene, client: Client, child: Child): Promise<Figures> {
  const before = await readLate(child)
  await fill(client, size('due'), 1, size('seconds'))
  let after = before
  for (const untilMs = Date.now() + 120_000; after.count - before.count < size('due'); ) {
    if (Date.now() > untilMs)
      throw new Error(`${after.count - before.count} of ${size('due')} deadlines fired within two minutes.`)
    await delay(100, undefined, { signal })
    after = await readLate(child)
  }
  const count = after.count - before.count
  return {
    'lateness, mean': { value: ((after.sum - before.sum) / count) * 1_000, unit: 'ms' },
    'fired within a second': {
      value: (after.inTime - before.inTime) / count,
      unit: 'ratio',
      aim: { atLeast: 1 },
    },
  }
}

async function readLate({
  said,
}: Child): Promise<{ readonly count: number; readonly sum: number; readonly inTime: number }> {
  const { http } = said as { readonly http: string }
  const text = await (await fetch(`${http}/metrics`)).text()
  const value = (name: string) =>
    Number(new RegExp(`^troupe_deadline_late_seconds_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
  return { count: value('count'), sum: value('sum'), inTime: value('bucket\\{le="1"\\}') }
}
