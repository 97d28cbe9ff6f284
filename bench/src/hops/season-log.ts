import { queryAt } from '@troupe/embedded'

/** What one segment of a server's log holds, as long as nobody built it otherwise. */
const segmentMiB = 16

/**
 * Brings a new server's log to where that of any other is: its segments are there, and only taken into use again.
 *
 * A new server makes each of them when it is needed, fills it with zeros and waits for the disk, for some 60 ms in
 * which nothing commits. Half a load of Troupe's writes one in every second: that would be measured in its place.
 *
 * @param adminUrl a superuser's
 */
export async function seasonLog(adminUrl: string): Promise<void> {
  const [row] = await queryAt<{ mib: number }>(
    adminUrl,
    `SELECT setting::int AS mib FROM pg_settings WHERE name = 'max_wal_size'`,
  )
  // Beyond what is kept, so that the last checkpoint keeps as much as it may.
  const segments = Math.ceil(((row?.mib ?? 0) / segmentMiB) * 1.25)
  // A segment in which nothing was written is not left: hence the message.
  const next = [`SELECT pg_logical_emit_message(false, 'bench', '')`, 'SELECT pg_switch_wal()']
  await queryAt(
    adminUrl,
    // A checkpoint that has something to write takes its time, as under load, and the log grows meanwhile.
    'CREATE TABLE season (filler text)',
    `INSERT INTO season SELECT repeat('x', 400) FROM generate_series(1, 20000)`,
    ...Array.from({ length: segments }, () => next).flat(),
    'CHECKPOINT',
    'DROP TABLE season',
  )
}
