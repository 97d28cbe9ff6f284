import type { Pool } from 'pg'

/** Makes what the service keeps, where it is not there yet. */
export async function makeTables(pool: Pool): Promise<void> {
  await pool.query(`
    create table if not exists inbox (
      event_id text primary key,
      received_at timestamptz not null default now()
    );
    create table if not exists charge (
      order_id text primary key,
      payment_id uuid not null,
      state text not null,
      amount_cents bigint not null,
      currency text not null,
      reason text
    );
    create table if not exists outbox (
      seq bigint generated always as identity primary key,
      event_id uuid not null,
      type text not null,
      key text not null,
      payload text not null
    );
    create table if not exists unreadable (
      topic text not null,
      partition int not null,
      record_offset bigint not null,
      value bytea,
      reason text not null,
      primary key (topic, partition, record_offset)
    );
  `)
}
