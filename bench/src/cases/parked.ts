import { percentilesOf } from '@troupe/cli'
import type { Client } from 'pg'
import { setTimeout as delay } from 'node:timers/promises'
import { type FaultySolo, openFaulty, untilCounted } from '../hops/faulty.ts'
import { canReadProcesses, readProcess } from '../processes/reading.ts'
import { type Figures, medianOf } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'

/** Whether many parked keys are tried again in time, and what they cost in memory. */
export const parked: BenchCase = {
  name: 'parked',
  title: 'many keys that are parked: how late each is tried again, and memory of the service meanwhile',
  sizes: {
    'warm-up': { full: 20_000, quick: 200, what: 'hops before, for V8 to compile' },
    keys: { full: 10_000, quick: 100, what: 'keys that are parked' },
    rate: { full: 1_000, quick: 100, what: 'of them a second' },
    seconds: { full: 30, quick: 2, what: 'seconds for which they fail, from the last of them on' },
    'delay-max': {
      full: 20_000,
      quick: 1_000,
      what: 'milliseconds to which the delay between attempts grows',
    },
  },
  async run(scene) {
    const { size, note, problem, signal } = scene
    const solo = await openFaulty(scene, {
      TROUPE_RETRY_ATTEMPTS: '100',
      TROUPE_RETRY_DELAY_MAX_MS: String(size('delay-max')),
    })
    const { client, rig, child } = solo
    try {
      await watchRetries(client)
      const before = await memory(solo, scene, 3)
      await Promise.race([solo.feedFaulty(size('keys'), size('rate')), child.failed])
      await untilCounted(client, 'SELECT count(*) FROM troupe.parked_key', size('keys'), signal)
      note(`${size('keys')} keys are parked`)
      const meanwhile = await memory(solo, scene, size('seconds'))
      await solo.mend()
      await Promise.race([rig.done(), child.failed])
      await untilCounted(client, 'SELECT count(*) FROM troupe.parked_key', 0, signal)
      const after = await memory(solo, scene, 3)
      if (rig.strays() > 0) problem(`${rig.strays()} answers came twice, or to orders that nobody sent`)
      return { ...(await lateness(client)), ...memoryFigures({ before, meanwhile, after }) }
    } finally {
      await solo.close()
    }
  },
}

/** Has the database write down how late each attempt is that is written: from when its key was due. */
async function watchRetries(client: Client): Promise<void> {
  await client.query(`
    CREATE SCHEMA bench;
    CREATE TABLE bench.retried (late_ms float8 NOT NULL);
    CREATE FUNCTION bench.note_retried() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO bench.retried VALUES (extract(epoch FROM clock_timestamp() - OLD.next_at) * 1000);
      RETURN NULL;
    END $$;
    CREATE TRIGGER note_retried AFTER UPDATE ON troupe.parked_key FOR EACH ROW
      WHEN (NEW.attempts <> OLD.attempts AND OLD.next_at IS NOT NULL) EXECUTE FUNCTION bench.note_retried()`)
}

async function lateness(client: Client): Promise<Figures> {
  const { rows } = await client.query<{ late_ms: number }>('SELECT late_ms FROM bench.retried')
  const { p50, p99, max } = percentilesOf(rows.map((row) => row.late_ms))
  return {
    'attempts after the first': { value: rows.length, unit: 'attempts' },
    'late by, p50': { value: p50, unit: 'ms' },
    'late by, p99': { value: p99, unit: 'ms' },
    'late by, max': { value: max, unit: 'ms', aim: { atMost: 2_000 } },
  }
}

/** Resident, every fifth of a second; the middle one. Undefined where processes cannot be read. */
async function memory(
  { child }: FaultySolo,
  { signal }: Scene,
  seconds: number,
): Promise<number | undefined> {
  const seen: number[] = []
  for (let nth = 0; nth < seconds * 5; nth += 1) {
    await Promise.race([delay(200, undefined, { signal }), child.failed])
    if (canReadProcesses) seen.push(readProcess(child.pid).memoryMiB)
  }
  return canReadProcesses ? medianOf(seen) : undefined
}

function memoryFigures({
  before,
  meanwhile,
  after,
}: Readonly<Record<'before' | 'meanwhile' | 'after', number | undefined>>): Figures {
  if (before === undefined || meanwhile === undefined || after === undefined) return {}
  return {
    'resident [before]': { value: before, unit: 'MiB' },
    'resident [meanwhile]': { value: meanwhile, unit: 'MiB' },
    'resident [after]': { value: after, unit: 'MiB' },
    'resident [meanwhile / before]': { value: meanwhile / before, unit: 'ratio', aim: { atMost: 1.2 } },
    'resident [after / before]': { value: after / before, unit: 'ratio', aim: { atMost: 1.2 } },
  }
}
