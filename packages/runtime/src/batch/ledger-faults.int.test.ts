import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type AnyEventType, type OutgoingRecord, type RawRecord, reaction, service, undo } from '@troupe/core'
import { type EmbeddedPostgres, queryAt, startPostgres } from '@troupe/embedded'
import { postgresLedger } from '@troupe/postgres'
import {
  account,
  batchOf,
  type Bench,
  benchFor,
  Booked,
  eventType,
  PaidIn,
  payments,
  place,
  recordOf,
} from '../kits/bank.test.kit.ts'
import { fakeRelay, keepingLog } from '../kits/fakes.test.kit.ts'
import { claimPartition, type PartitionOptions } from './partition.ts'

// Partitions of several instances on a real PostgreSQL, with a list in place of Kafka.

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await startPostgres({ fsync: false })
})
afterAll(() => server?.stop(), 30_000)

type Instance = Omit<Bench, 'ledger'> & { readonly ledger: ReturnType<typeof postgresLedger> }

/** An instance of a service; what it publishes goes to the end of the topic. */
async function instanceOn(
  url: string,
  topic: OutgoingRecord[] = [],
  change: Partial<PartitionOptions> = {},
): Promise<Instance> {
  const relay = fakeRelay()
  const { push } = relay
  relay.push = (records) => {
    const before = relay.sent.length
    push(records)
    topic.push(...relay.sent.slice(before))
  }
  const ledger = postgresLedger({ url, log: keepingLog() })
  await ledger.migrate()
  return { ...benchFor({ ...change, relay }), ledger, relay }
}

const claim = (instance: Instance, partition = 0) => claimPartition({ ...place, partition }, instance)

async function bookedIn({ ledger }: Instance, key = 'a') {
  const stored = await ledger.document({ kind: 'account', key })
  return (stored?.state as { booked?: number[] } | undefined)?.booked ?? []
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

/** Every record once, where it came first. */
function firsts(topic: readonly OutgoingRecord[]): OutgoingRecord[] {
  const seen = new Set<string>()
  return topic.filter(({ id }) => !seen.has(id) && seen.add(id))
}

const dataOf = ({ value }: OutgoingRecord) =>
  JSON.parse(Buffer.from(value ?? []).toString()) as { account: string; cents: number }

describe('documents that keys of two partitions share, in two instances', () => {
  it('lose no write, and say in order what became of them', async () => {
    const [hot, times, size] = [5, 1_000, 20]
    const rate = account('rate, which nobody sets')
    const tally = reaction({
      on: PaidIn,
      emits: [Booked],
      reads: ({ data }) => [account(data.account), rate],
      react({ data }, { get, put, emit }) {
        const { cents } = get(account(data.account))
        const next = cents + 1 + get(rate).cents
        put(account(data.account), { cents: next, booked: [] })
        emit(Booked, { account: data.account, cents: next })
      },
    })
    const url = await server.createDatabase({ name: 'contention' })
    const topic: OutgoingRecord[] = []
    const own = { service: service({ name: 'bank', reactions: { tally } }), batchEventsMax: size }
    const instances = [await instanceOn(url, topic, own), await instanceOn(url, topic, own)]
    let conflicts = 0
    for (const { ledger } of instances) {
      const { settle } = ledger
      let answers = 0
      ledger.settle = async (settlement) => {
        try {
          const receipt = await settle(settlement)
          // Some answers are late: what was written meanwhile by the other instance must not go first.
          if (answers++ % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 10))
          return receipt
        } catch (error) {
          conflicts += 1
          throw error
        }
      }
    }
    await Promise.all(
      instances.map(async (instance, partition) => {
        const work = await claim(instance, partition)
        for (let from = 0; from < times; from += size) {
          const records = range(from, from + size).map((offset) =>
            recordOf(PaidIn, { account: `hot ${offset % hot}`, cents: 1 }, { offset, partition }),
          )
          await work.take(batchOf(records, { partition }))
        }
      }),
    )
    const each = (2 * times) / hot
    for (const key of range(0, hot).map((n) => `hot ${n}`)) {
      expect((await instances[0]?.ledger.document({ kind: 'account', key }))?.state).toMatchObject({
        cents: each,
      })
      const said = firsts(topic)
        .map(dataOf)
        .filter((data) => data.account === key)
      expect(said.map(({ cents }) => cents)).toEqual(range(1, each + 1))
    }
    // They did get into each other's way.
    expect(conflicts).toBeGreaterThan(5)
    for (const { ledger } of instances) await ledger.close()
  })
})

describe('failure 11: a step and its undo, decided on at one time by two instances', () => {
  it('end one way, barred or done once and undone once, whoever is faster', async () => {
    const [sagas, size] = [240, 20]
    const Withdrawn = eventType<'Withdrawn', { account: string }>('Withdrawn', 'counter')
    const Held = eventType<'Held', { account: string }>('Held', 'bank')
    const Released = eventType<'Released', { account: string }>('Released', 'bank')
    const hold = reaction({
      on: PaidIn,
      emits: [Held],
      reads: ({ data }) => [account(data.account)],
      react({ data: { account: one } }, { get, put, emit }) {
        put(account(one), { cents: get(account(one)).cents + 1, booked: [] })
        emit(Held, { account: one })
      },
    })
    const release = undo(hold, {
      undoes: Held,
      on: Withdrawn,
      emits: [Released],
      react(_event, { done, get, put, emit }) {
        put(account(done.account), { cents: get(account(done.account)).cents - 1, booked: [] })
        emit(Released, done)
      },
    })
    const url = await server.createDatabase({ name: 'undone_while_done' })
    const topic: OutgoingRecord[] = []
    const own = { service: service({ name: 'bank', reactions: { hold, release } }), batchEventsMax: size }
    const instances = [await instanceOn(url, topic, own), await instanceOn(url, topic, own)]
    const types = [PaidIn, Withdrawn]
    const work = await Promise.all(instances.map((instance, partition) => claim(instance, partition)))
    const takeUp = (from: number, partition: number) => {
      const records = range(from, from + size).map((offset) =>
        recordOf(
          types[partition] as AnyEventType,
          { account: `saga ${offset}`, cents: 1 },
          { offset, partition },
        ),
      )
      return work[partition]?.take(batchOf(records, { partition }))
    }
    // Each of the two is the faster one at least once.
    await takeUp(0, 0)
    await takeUp(0, 1)
    await takeUp(size, 1)
    await takeUp(size, 0)
    for (let from = 2 * size; from < sagas; from += size)
      await Promise.all([takeUp(from, 0), takeUp(from, 1)])
    const states = await queryAt<{ state: string; count: number }>(
      url,
      'SELECT state, count(*)::int AS count FROM troupe.step GROUP BY state',
    )
    const counts = Object.fromEntries(states.map((one) => [one.state, one.count]))
    const { undone = 0, barred = 0 } = counts
    expect(counts).toEqual({ undone, barred })
    expect(undone + barred).toBe(sagas)
    const told = firsts(topic).map(({ headers, key }) => `${String(headers['ce_type'])} ${String(key)}`)
    expect(new Set(told).size).toBe(told.length)
    expect(told.filter((one) => one.startsWith('Held'))).toHaveLength(undone)
    expect(told.filter((one) => one.startsWith('Released'))).toHaveLength(undone)
    const documents = await queryAt<{ state: string }>(url, 'SELECT state::text FROM troupe.document')
    expect(documents.map(({ state }) => (JSON.parse(state) as { cents: number }).cents)).toEqual(
      Array(undone).fill(0),
    )
    expect([undone >= size, barred >= size]).toEqual([true, true])
    for (const { ledger } of instances) await ledger.close()
  })
})

describe('failure 22: another transaction of the same rows', () => {
  it.each(['40001', '40P01', '55P03'])(
    'that ends a settlement with %s has it decided again',
    async (sqlState) => {
      const url = await server.createDatabase({ name: `race_${sqlState.toLowerCase()}` })
      const instance = await instanceOn(url)
      await queryAt(url, ...trapOn('document', 'INSERT', `RAISE EXCEPTION USING ERRCODE = '${sqlState}'`, 3))
      const partition = await claim(instance)
      await partition.take(batchOf(payments(0, [{}, {}, {}])))
      expect(await bookedIn(instance)).toEqual([0, 1, 2])
      expect(instance.relay.sent.map(({ topic }) => topic)).toEqual(Array(3).fill(Booked.topic))
      expect(instance.log.lines.filter(({ level }) => level !== 'debug' && level !== 'info')).toEqual([])
      await instance.ledger.close()
    },
  )

  it('that waits for ours, which waits for it, costs time and nothing else', async () => {
    const url = await server.createDatabase({ name: 'deadlock' })
    const instance = await instanceOn(url)
    const partition = await claim(instance)
    await partition.take(batchOf(payments(0, [{ account: 'a' }, { account: 'b' }])))
    const deadlocks: unknown[] = []
    const { settle } = instance.ledger
    instance.ledger.settle = (settlement) =>
      settle(settlement).catch((error: unknown) => {
        if (JSON.stringify(error).includes('40P01')) deadlocks.push(error)
        throw error
      })
    let offset = 2
    // Whom of the two PostgreSQL lets go first is its own choice.
    while (deadlocks.length === 0 && offset < 12) {
      const rival = queryAt(url, rivalOfB).catch(() => {})
      while ((await queryAt(url, isBHeld)).length === 0)
        await new Promise((resolve) => setTimeout(resolve, 5))
      await partition.take(batchOf(payments(offset, [{ account: 'a' }, { account: 'b' }])))
      await rival
      offset += 2
    }
    expect(deadlocks.length).toBeGreaterThan(0)
    expect(await bookedIn(instance, 'a')).toEqual(range(0, offset).filter((n) => n % 2 === 0))
    expect(await bookedIn(instance, 'b')).toEqual(range(0, offset).filter((n) => n % 2 === 1))
    await instance.ledger.close()
  })
})

describe('failure 2: the database ends the connection inside the transaction', () => {
  it.each([
    ['position', 'UPDATE'],
    ['inbox', 'INSERT'],
    ['document', 'INSERT'],
    ['document', 'UPDATE'],
    ['outbox', 'DELETE'],
    ['outbox', 'INSERT'],
  ])(
    'at the statement for %s (%s): nothing of it is there, and then all of it, once',
    async (table, verb) => {
      const url = await server.createDatabase({ name: `ended_${table}_${verb.toLowerCase()}` })
      const instance = await instanceOn(url)
      const partition = await claim(instance)
      await partition.take(batchOf(payments(0, [{}])))
      const counts = `SELECT (SELECT next_offset FROM troupe.position)::int AS next, (SELECT count(*) FROM troupe.inbox)::int AS inbox,
      (SELECT sum(version) FROM troupe.document)::int AS versions`
      const seen: object[] = []
      const { positionOf } = instance.ledger
      instance.ledger.positionOf = async (asked) => {
        seen.push(...(await queryAt(url, counts)))
        return positionOf(asked)
      }
      await queryAt(url, ...trapOn(table, verb, 'PERFORM pg_terminate_backend(pg_backend_pid())', 2))
      await partition.take(batchOf(payments(1, [{}, { account: 'new' }])))
      expect(seen.length).toBeGreaterThanOrEqual(2)
      expect(seen).toEqual(seen.map(() => ({ next: 1, inbox: 1, versions: 1 })))
      expect(await queryAt(url, counts)).toEqual([{ next: 3, inbox: 3, versions: 3 }])
      expect(await bookedIn(instance)).toEqual([0, 1])
      expect(instance.relay.sent).toHaveLength(3)
      await instance.ledger.close()
    },
  )
})

describe('failure 34: a database without room on its disk', () => {
  it('stops the partition with an error of that name, and goes on when there is room again', async () => {
    const url = await server.createDatabase({ name: 'full' })
    const instance = await instanceOn(url)
    await queryAt(url, ...trapOn('inbox', 'INSERT', "RAISE EXCEPTION USING ERRCODE = '53100'", 3))
    const said: (string | undefined)[] = []
    const { settle } = instance.ledger
    instance.ledger.settle = (settlement) => {
      const { state, error } = instance.dependencies.states().database
      if (state === 'down') said.push(error)
      return settle(settlement)
    }
    await (await claim(instance)).take(batchOf(payments(0, [{}, {}])))
    expect(said).toHaveLength(3)
    for (const error of said) expect(error).toMatch(/no room left on its disk/)
    expect(instance.log.lines.find(({ level }) => level === 'warn')?.facts['err']).toMatchObject({
      code: 'TROUPE_DATABASE_FULL',
    })
    expect(await bookedIn(instance)).toEqual([0, 1])
    expect(instance.relay.sent.map(({ topic }) => topic)).toEqual([Booked.topic, Booked.topic])
    await instance.ledger.close()
  })
})

describe('failure 9: an inbox that has forgotten', () => {
  it('does not matter to an event that comes again at its place; at another place it is a new one', async () => {
    const url = await server.createDatabase({ name: 'forgotten' })
    const instance = await instanceOn(url)
    const events = payments(0, [{ id: 'one' }, { id: 'two' }])
    await (await claim(instance)).take(batchOf(events))
    expect(await instance.ledger.forget('inbox', 0)).toMatchObject({ forgotten: 2 })
    const again = await claim(instance)
    await again.take(batchOf(events))
    expect(await bookedIn(instance)).toEqual([0, 1])
    // Stated, not wished for: what is published anew after the retention is applied anew.
    await again.take(batchOf(payments(2, [{ id: 'one' }])))
    expect(await bookedIn(instance)).toEqual([0, 1, 2])
    await instance.ledger.close()
  })
})

describe('failure 35: a database that is restored from an older backup', () => {
  it('does the same again under the same ids, and who hears it applies it once', async () => {
    const live = await server.createDatabase({ name: 'live' })
    const topic: OutgoingRecord[] = []
    const before = await instanceOn(live, topic)
    const first = await claim(before)
    await first.take(
      batchOf(
        payments(
          0,
          range(0, 50).map(() => ({})),
        ),
      ),
    )
    await before.ledger.close()
    const copy = (from: string, to: string) => queryAt(server.url, `CREATE DATABASE ${to} TEMPLATE ${from}`)
    await copy('live', 'backup')

    const later = await instanceOn(live, topic)
    await (await claim(later)).take(
      batchOf(
        payments(
          50,
          range(50, 120).map(() => ({})),
        ),
      ),
    )
    await later.ledger.close()
    await queryAt(server.url, 'DROP DATABASE live WITH (FORCE)')
    await copy('backup', 'live')

    const restored = await instanceOn(live, topic)
    const again = await claim(restored)
    expect(again.next).toBe(50n)
    await again.take(
      batchOf(
        payments(
          50,
          range(50, 120).map(() => ({})),
        ),
      ),
    )
    expect(await bookedIn(restored)).toEqual(range(0, 120))
    expect(topic.length).toBeGreaterThan(firsts(topic).length)
    expect(firsts(topic).map((record) => dataOf(record).cents)).toEqual(range(0, 120))

    const list = reaction({
      on: Booked,
      emits: [],
      reads: ({ data }) => [account(data.account)],
      react({ data }, { get, put }) {
        const { cents, booked } = get(account(data.account))
        put(account(data.account), { cents, booked: [...booked, data.cents] })
      },
    })
    const hearing = { service: service({ name: 'report', reactions: { list } }) }
    const report = await instanceOn(await server.createDatabase({ name: 'report' }), [], hearing)
    const heard = topic.map((record, offset) => rawOf(record, offset))
    const reading = await claimPartition({ topic: Booked.topic, partition: 0 }, report)
    await reading.take(batchOf(heard, { topic: Booked.topic }))
    expect(await bookedIn(report)).toEqual(range(0, 120))
    for (const { ledger } of [restored, report]) await ledger.close()
  })
})

/** As Kafka hands it over. */
function rawOf({ topic, key, value, headers }: OutgoingRecord, offset: number): RawRecord {
  return {
    topic,
    partition: 0,
    offset: BigInt(offset),
    key: typeof key === 'string' ? Buffer.from(key) : key,
    value,
    headers,
    timestampMs: 0,
  }
}

/** Statements that make the first `times` statements of this kind end badly, whatever is rolled back. */
function trapOn(table: string, verb: string, trouble: string, times: number): string[] {
  return [
    'CREATE SEQUENCE troupe.trouble',
    `CREATE FUNCTION troupe.trap() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF nextval('troupe.trouble') <= ${times} THEN ${trouble}; END IF; RETURN NULL; END $$`,
    `CREATE TRIGGER trap BEFORE ${verb} ON troupe.${table} FOR EACH STATEMENT EXECUTE FUNCTION troupe.trap()`,
  ]
}

/** Holds b until somebody waits for it, and wants a then: whoever writes a and b in this order waits for it, too. */
const rivalOfB = `DO $$ BEGIN
  UPDATE troupe.document SET version = version + 1 WHERE key = 'b';
  WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()) LOOP PERFORM pg_sleep(0.005); END LOOP;
  UPDATE troupe.document SET version = version + 1 WHERE key = 'a';
END $$`
const isBHeld = `SELECT 1 FROM pg_locks WHERE relation = 'troupe.document'::regclass AND mode = 'RowExclusiveLock'`
