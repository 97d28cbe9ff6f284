import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import {
  type AnyEventType,
  type OutgoingRecord,
  reaction,
  retryPolicyDefault,
  service,
  type TransactContext,
  undo,
} from '@troupe/core'
import { type EmbeddedPostgres, queryAt, startPostgres } from '@troupe/embedded'
import { postgresLedger, postgresTables } from '@troupe/postgres'
import {
  batchOf,
  type Bench,
  benchFor,
  Booked,
  eventType,
  PaidIn,
  type Paid,
  payments,
  place,
  recordOf,
} from '../kits/bank.test.kit.ts'
import { fakeRelay, keepingLog, until } from '../kits/fakes.test.kit.ts'
import { claimPartition, type OpenPartition, type PartitionOptions } from './partition.ts'
import { startTcpProxy, type Treatment } from '../kits/tcp-proxy.test.kit.ts'

// Reactions with tables of their own, on a real PostgreSQL, with a list in place of Kafka.

let server: EmbeddedPostgres
beforeAll(async () => {
  server = await startPostgres({ fsync: false })
})
afterAll(() => server?.stop(), 30_000)

type Trick = (data: Paid, context: TransactContext<typeof Booked>) => unknown
const tricks = new Map<string, Trick>()
const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  tricks.clear()
  for (const one of opened.splice(0)) await one.close()
})

const Withdrawn = eventType<'Withdrawn', { account: string; cents: number }>('Withdrawn', 'counter')
const Held = eventType<'Held', { account: string; cents: number }>('Held', 'bank')
const Released = eventType<'Released', { account: string; cents: number }>('Released', 'bank')

const book = reaction({
  on: PaidIn,
  emits: [Booked],
  async transact({ data }, context) {
    const { sql, emit } = context
    const { account, cents } = data
    await sql`INSERT INTO entry (account, cents) VALUES (${account}, ${cents})`
    await sql`UPDATE balance SET cents = cents + ${cents} WHERE account = ${account}`
    if (data.trick !== undefined) await tricks.get(data.trick)?.(data, context)
    emit(Booked, { account, cents })
  },
})

const hold = reaction({
  on: PaidIn,
  emits: [Held],
  async transact({ data: { account, cents } }, { sql, emit }) {
    await sql`UPDATE balance SET cents = cents + ${cents} WHERE account = 'hot'`
    emit(Held, { account, cents })
  },
})
const release = undo(hold, {
  undoes: Held,
  on: Withdrawn,
  emits: [Released],
  async transact(_event, { done, sql, emit }) {
    await sql`UPDATE balance SET cents = cents - ${done.cents} WHERE account = 'hot'`
    emit(Released, done)
  },
})

const tables = [
  {
    name: 'accounts',
    sql: `CREATE TABLE balance (account text PRIMARY KEY, cents int NOT NULL CHECK (cents >= 0));
      CREATE TABLE entry (seq bigserial, account text NOT NULL, cents int NOT NULL);
      CREATE TABLE owner (account text REFERENCES balance DEFERRABLE INITIALLY DEFERRED);
      INSERT INTO balance SELECT account, 0 FROM unnest(ARRAY['a', 'b', 'c', 'hot']) AS account`,
  },
]
const bank = service({ name: 'bank', reactions: { book }, tables })
const vault = service({ name: 'bank', reactions: { hold, release }, tables })

interface Instance extends Omit<Bench, 'ledger'> {
  readonly url: string
  readonly ledger: ReturnType<typeof postgresLedger>
}

let made = 0
let odd: string | undefined
let oddities = 0

/** An instance of a service on a database; what it publishes goes to the end of the topic. */
async function instanceOn(
  url: string,
  {
    topic = [],
    timeoutMs = 2_000,
    ...change
  }: Partial<PartitionOptions> & {
    topic?: OutgoingRecord[]
    timeoutMs?: number
  } = {},
): Promise<Instance> {
  const relay = fakeRelay()
  const { push } = relay
  relay.push = (records) => {
    const before = relay.sent.length
    push(records)
    topic.push(...relay.sent.slice(before))
  }
  const log = keepingLog()
  const ledger = postgresLedger({ url, log })
  const own = postgresTables({ url, log, name: 'bank', statementTimeoutMs: timeoutMs, ledger })
  opened.push(own, ledger)
  await ledger.migrate()
  await own.migrate(tables)
  const inTables = { tables: own, timeoutMs }
  return { ...benchFor({ service: bank, ...change, relay, inTables }), ledger, relay, url }
}

async function fresh(change: Parameters<typeof instanceOn>[1] = {}): Promise<Instance> {
  return instanceOn(await server.createDatabase({ name: `bank_${(made += 1)}` }), change)
}

const claim = (instance: Instance, partition = 0) => claimPartition({ ...place, partition }, instance)

async function entriesIn({ url }: Pick<Instance, 'url'>, account = 'a'): Promise<number[]> {
  const rows = await queryAt<{ cents: number }>(
    url,
    `SELECT cents FROM bank.entry WHERE account = '${account}' ORDER BY seq`,
  )
  return rows.map(({ cents }) => cents)
}

async function balanceOf({ url }: Pick<Instance, 'url'>, account = 'a'): Promise<number | undefined> {
  const [row] = await queryAt<{ cents: number }>(
    url,
    `SELECT cents FROM bank.balance WHERE account = '${account}'`,
  )
  return row?.cents
}

async function nextIn({ url }: Pick<Instance, 'url'>): Promise<number | undefined> {
  const [row] = await queryAt<{ next: number }>(url, 'SELECT next_offset::int AS next FROM troupe.position')
  return row?.next
}

const sentBy = ({ relay }: Instance) =>
  relay.sent
    .filter(({ topic }) => topic === Booked.topic)
    .map(({ value }) => JSON.parse(String(Buffer.from(value ?? []))) as object)
const warnings = ({ log }: Instance) =>
  log.lines.filter(({ level }) => level === 'warn' || level === 'error').map(({ message }) => message)

/** Parked at its first failure, and due at once. */
const parking = { policyOf: () => ({ ...retryPolicyDefault, attempts: 3, delayMs: 0 }) }

async function retryDue({ ledger }: Instance, partition: OpenPartition): Promise<number> {
  const { keys: due } = await ledger.dueKeys([place], 1_000)
  await partition.retry(due)
  return due.length
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

describe('a reaction that decides in SQL', () => {
  it('commits what it writes with its position, its inbox and its events, a batch at a time', async () => {
    const instance = await fresh()
    const partition = await claim(instance)
    await partition.take(batchOf(payments(1, [{}, { account: 'b' }, {}])))
    expect([await entriesIn(instance), await balanceOf(instance), await balanceOf(instance, 'b')]).toEqual([
      [1, 3],
      4,
      2,
    ])
    expect(sentBy(instance)).toEqual([1, 2, 3].map((cents) => ({ account: cents === 2 ? 'b' : 'a', cents })))
    expect(await nextIn(instance)).toBe(4)
    expect(await queryAt(instance.url, 'SELECT DISTINCT xmin::text FROM bank.entry')).toHaveLength(1)
    expect(warnings(instance)).toEqual([])
  })

  it('is not run for what was heard before', async () => {
    const instance = await fresh()
    const partition = await claim(instance)
    await partition.take(batchOf(payments(1, [{ id: 'one' }, { id: 'one' }])))
    await partition.take(batchOf(payments(3, [{ id: 'one' }])))
    expect([await entriesIn(instance), await balanceOf(instance)]).toEqual([[1], 1])
  })

  it('loses nothing and does nothing twice where two instances change one row', async () => {
    const [times, size] = [200, 10]
    const one = await fresh({ service: vault })
    const instances = [one, await instanceOn(one.url, { service: vault })]
    await Promise.all(
      instances.map(async (instance, partition) => {
        const work = await claim(instance, partition)
        for (let from = 0; from < times; from += size) {
          const events = range(from, from + size).map((offset) =>
            recordOf(PaidIn, { account: `${partition} ${offset}`, cents: 1 }, { offset, partition }),
          )
          await work.take(batchOf(events, { partition }))
        }
      }),
    )
    expect(await balanceOf(one, 'hot')).toBe(2 * times)
    expect(instances.map((instance) => sentBy(instance).length)).toEqual([times, times])
  })
})

describe('a reaction in SQL that fails', () => {
  it('is parked with what follows it of its key, and leaves nothing behind; the others are applied', async () => {
    const instance = await fresh(parking)
    let runs = 0
    tricks.set('overdraw', async (_data, { sql }) => {
      runs += 1
      await sql`UPDATE balance SET cents = -1 WHERE account = 'a'`
    })
    const partition = await claim(instance)
    await partition.take(
      batchOf(
        payments(1, [{}, { trick: 'overdraw' }, { account: 'b' }, {}, { account: 'c', trick: 'overdraw' }]),
      ),
    )
    expect([
      await entriesIn(instance),
      await entriesIn(instance, 'b'),
      await entriesIn(instance, 'c'),
    ]).toEqual([[1], [3], []])
    expect(await nextIn(instance)).toBe(6)
    expect(partition.parked.state).toMatchObject({ keys: 2, events: 3 })
    expect(warnings(instance).join()).toMatch(/violates check constraint "balance_cents_check"/)
    // Each of the two once.
    expect(runs).toBe(2)

    tricks.set('overdraw', () => {})
    expect(await retryDue(instance, partition)).toBe(2)
    expect([await entriesIn(instance), await entriesIn(instance, 'c')]).toEqual([[1, 2, 4], [5]])
    expect(sentBy(instance)).toHaveLength(5)
    expect(partition.parked.state).toMatchObject({ keys: 0, events: 0 })
  })

  it('is a dead letter when it has failed often enough, and its followers are applied without it', async () => {
    const instance = await fresh(parking)
    tricks.set('throw', () => {
      throw new Error('could not tell')
    })
    const partition = await claim(instance)
    await partition.take(batchOf(payments(1, [{ trick: 'throw' }, {}])))
    expect(await retryDue(instance, partition)).toBe(1)
    expect(await retryDue(instance, partition)).toBe(1)
    expect([await entriesIn(instance), await balanceOf(instance)]).toEqual([[2], 2])
    expect(instance.relay.sent.map(({ topic }) => topic)).toEqual([bank.deadLetterTopic, Booked.topic])
  })

  it('costs a batch that fails as a whole no more than a run for each of its events, and one for the first', async () => {
    const instance = await fresh()
    let runs = 0
    tricks.set('throw', () => {
      runs += 1
      throw new Error('could not tell')
    })
    const partition = await claim(instance)
    await partition.take(
      batchOf(
        payments(
          0,
          range(0, 50).map((n) => ({ account: `k${n}`, trick: 'throw' })),
        ),
      ),
    )
    expect(runs).toBe(50)
    expect(instance.relay.sent).toHaveLength(50)
  })

  it('is found where only the commit refuses it', async () => {
    const instance = await fresh(parking)
    tricks.set('orphan', (_data, { sql }) => sql`INSERT INTO owner VALUES ('nobody')`)
    const partition = await claim(instance)
    await partition.take(batchOf(payments(1, [{}, { account: 'b', trick: 'orphan' }, {}])))
    expect([await entriesIn(instance), await entriesIn(instance, 'b')]).toEqual([[1, 3], []])
    expect(partition.parked.state).toMatchObject({ keys: 1, events: 1 })
    expect(warnings(instance).join()).toMatch(/violates foreign key constraint/)
  })

  it.each<[string, Trick, RegExp]>([
    [
      'swallows what the database refuses',
      (_, { sql }) => sql`SELECT 1 / 0`.catch(() => {}),
      /went on after .*division by zero/,
    ],
    ['does not wait for its SQL', (_, { sql }) => void sql`SELECT pg_sleep(0.05)`, /Await every statement/],
    ['commits', (_, { sql }) => sql`/* now */ COMMIT`, /COMMIT.* is not yours to say/],
    ['rolls back', (_, { sql }) => sql.query('ROLLBACK'), /ROLLBACK.* is not yours to say/],
    ['begins', (_, { sql }) => sql.query('-- one more\nbegin'), /BEGIN.* is not yours to say/],
    [
      'says two things at once',
      (_, { sql }) => sql.query('SELECT 1; COMMIT'),
      /cannot insert multiple commands/,
    ],
    [
      'commits in a procedure',
      (_, { sql }) => sql.query('DO $$ BEGIN COMMIT; END $$'),
      /invalid transaction termination/,
    ],
    [
      'changes the session',
      (_, { sql }) => sql.query('SET statement_timeout = 0'),
      /whoever has the connection next/,
    ],
    [
      'gives what is not there',
      (_, { sql }) => sql.query('SELECT $1', [undefined as never]),
      /Parameter 1 is undefined/,
    ],
    [
      'calls sql as a function',
      (_, { sql }) => (sql as unknown as (text: string) => Promise<unknown>)('SELECT 1'),
      /with backticks/,
    ],
    ['throws nothing', () => Promise.reject(undefined), /undefined/],
    ['emits twice what it may say once', (_, { emit }) => emit(Held as never, {}), /not in its `emits`/],
  ])('says why: who %s', async (what, trick, why) => {
    // One database for all of them: each has a partition and keys of its own.
    odd ??= await server.createDatabase({ name: 'odd' })
    const instance = await instanceOn(odd, parking)
    tricks.set('odd', trick)
    const number = (oddities += 1)
    const partition = await claim(instance, number)
    const [bad, good] = [`bad ${what}`, `good ${what}`]
    const events = [
      { account: bad, cents: 1, trick: 'odd' },
      { account: good, cents: 2 },
    ].map((data, offset) => recordOf(PaidIn, data, { offset, partition: number }))
    await partition.take(batchOf(events, { partition: number }))
    expect(warnings(instance).join('\n')).toMatch(why)
    expect([await entriesIn(instance, bad), await entriesIn(instance, good)]).toEqual([[], [2]])
    expect(partition.parked.state).toMatchObject({ keys: 1, events: 1 })
  })

  it('that never ends is given up when its time is over, and what it asks for later is refused', async () => {
    const instance = await fresh({ ...parking, timeoutMs: 300 })
    let goOn = () => {}
    let late: Promise<unknown> | undefined
    tricks.set('sleep', (_data, { sql, signal, emit }) => {
      late = new Promise<void>((resolve) => (goOn = resolve)).then(async () => {
        expect(signal.aborted).toBe(true)
        expect(() => emit(Booked, { account: 'a', cents: 1 })).toThrow(/after it had ended/)
        return sql`SELECT 1`
      })
      return new Promise(() => {})
    })
    const partition = await claim(instance)
    await partition.take(batchOf(payments(1, [{ trick: 'sleep' }, { account: 'b' }])))
    expect([await entriesIn(instance), await entriesIn(instance, 'b')]).toEqual([[], [2]])
    expect(warnings(instance).join('\n')).toMatch(
      /did not end its transaction within 300 ms.*TROUPE_TRANSACT_TIMEOUT_MS/,
    )
    goOn()
    await expect(late).rejects.toMatchObject({ code: 'TROUPE_TRANSACTION_MISUSED' })
  })

  it('waits for a lock only so long, and gives its key up where nobody lets go of it', async () => {
    const instance = await fresh({ ...parking, timeoutMs: 300 })
    const held = `SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND datname = current_database()`
    const holder = queryAt(
      instance.url,
      'BEGIN',
      `UPDATE bank.balance SET cents = 7 WHERE account = 'a'`,
      'SELECT pg_sleep(600)',
    )
    await until(async () => (await queryAt(instance.url, held)).length > 0)
    const partition = await claim(instance)
    await partition.take(batchOf(payments(1, [{}, { account: 'b' }])))
    expect([await entriesIn(instance), await entriesIn(instance, 'b')]).toEqual([[], [2]])
    expect(partition.parked.state).toMatchObject({ keys: 1, events: 1 })
    expect(warnings(instance).join('\n')).toMatch(/lock timeout/)
    await queryAt(instance.url, `SELECT pg_terminate_backend(pid) FROM (${held}) AS held`)
    await expect(holder).rejects.toThrow()
    await retryDue(instance, partition)
    expect(await balanceOf(instance)).toBe(1)
  })
})

describe('a reaction in SQL that calls the outside', () => {
  const calls: string[] = []
  let answer: () => unknown = () => ({ fee: 1 })
  /** How many of its connections are in a transaction. */
  let open: (() => Promise<number>) | undefined
  let openMax = 0
  const charge = reaction({
    on: PaidIn,
    emits: [Held],
    perform: async ({ data }) => {
      calls.push(data.account)
      openMax = Math.max(openMax, (await open?.()) ?? 0)
      return answer() as { fee: number }
    },
    async transact({ data: { account, cents } }, { sql, emit, performed }) {
      await sql`INSERT INTO entry (account, cents) VALUES (${account}, ${cents + performed.fee})`
      emit(Held, { account, cents })
    },
  })
  const giveBack = undo(charge, {
    undoes: Held,
    on: Withdrawn,
    emits: [Released],
    async transact(_event, { done, sql, emit }) {
      await sql`DELETE FROM entry WHERE account = ${done.account}`
      emit(Released, done)
    },
  })
  const charging = service({ name: 'bank', reactions: { charge, giveBack }, tables })

  it('has its answer before any transaction is open, once for each event that is to run', async () => {
    const instance = await fresh({ ...parking, service: charging })
    open = async () =>
      (
        await queryAt(
          instance.url,
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
        )
      ).length
    const at = (offset: number, type: AnyEventType, account: string, id = `e${offset}`) =>
      recordOf(type, { account, cents: 5 }, { offset, id })
    const partition = await claim(instance)
    await partition.take(
      batchOf([
        at(0, PaidIn, 'a', 'same'),
        at(1, PaidIn, 'b'),
        at(2, PaidIn, 'a', 'same'),
        at(3, Withdrawn, 'c'),
        at(4, PaidIn, 'c'),
        at(5, Withdrawn, 'b'),
        at(6, PaidIn, 'd'),
      ]),
    )
    expect(calls.toSorted()).toEqual(['a', 'b', 'd'])
    expect(openMax).toBe(0)
    expect([
      await entriesIn(instance),
      await entriesIn(instance, 'b'),
      await entriesIn(instance, 'c'),
    ]).toEqual([[6], [], []])
    expect(await entriesIn(instance, 'd')).toEqual([6])

    answer = () => Promise.reject(new Error('could not tell'))
    await partition.take(batchOf([at(7, PaidIn, 'e'), at(8, PaidIn, 'e')]))
    expect(partition.parked.state).toMatchObject({ keys: 1, events: 2 })
    answer = () => ({ fee: 2 })
    await retryDue(instance, partition)
    await until(async () => {
      await retryDue(instance, partition)
      return partition.parked.state.keys === 0
    })
    expect(await entriesIn(instance, 'e')).toEqual([7])
    expect(openMax).toBe(0)
  })
})

describe('a step in SQL and its undo', () => {
  const events = (all: readonly (readonly [AnyEventType, string])[], from = 0) =>
    all.map(([type, account], n) => recordOf(type, { account, cents: 5 }, { offset: from + n }))

  it('done and undone once, however often either comes', async () => {
    const instance = await fresh({ service: vault })
    const partition = await claim(instance)
    await partition.take(
      batchOf(
        events([
          [PaidIn, 's'],
          [PaidIn, 's'],
          [Withdrawn, 's'],
          [Withdrawn, 's'],
        ]),
      ),
    )
    await partition.take(
      batchOf(
        events(
          [
            [PaidIn, 's'],
            [Withdrawn, 's'],
          ],
          4,
        ),
      ),
    )
    expect(await balanceOf(instance, 'hot')).toBe(0)
    expect(instance.relay.sent.map(({ headers }) => headers['ce_type'])).toEqual(['Held', 'Released'])
  })

  it('heard before the step, keeps its SQL from ever being run', async () => {
    const instance = await fresh({ service: vault })
    const partition = await claim(instance)
    await partition.take(
      batchOf(
        events([
          [Withdrawn, 's'],
          [PaidIn, 's'],
        ]),
      ),
    )
    await partition.take(
      batchOf(
        events(
          [
            [PaidIn, 's'],
            [PaidIn, 't'],
          ],
          2,
        ),
      ),
    )
    expect(await balanceOf(instance, 'hot')).toBe(5)
    expect(await queryAt(instance.url, 'SELECT state FROM troupe.step ORDER BY saga')).toEqual([
      { state: 'barred' },
      { state: 'done' },
    ])
  })

  it('ends one way where two instances have one of them each', async () => {
    const one = await fresh({ service: vault })
    const instances = [one, await instanceOn(one.url, { service: vault })]
    const [sagas, size] = [120, 10]
    await Promise.all(
      instances.map(async (instance, partition) => {
        const work = await claim(instance, partition)
        for (let from = 0; from < sagas; from += size) {
          const type = partition === 0 ? PaidIn : Withdrawn
          const all = range(from, from + size).map((offset) =>
            recordOf(type, { account: `saga ${offset}`, cents: 1 }, { offset, partition }),
          )
          await work.take(batchOf(all, { partition }))
        }
      }),
    )
    const states = await queryAt<{ state: string; count: number }>(
      one.url,
      'SELECT state, count(*)::int AS count FROM troupe.step GROUP BY state',
    )
    const { undone = 0, barred = 0 } = Object.fromEntries(states.map(({ state, count }) => [state, count]))
    expect(undone + barred).toBe(sagas)
    expect(await balanceOf(one, 'hot')).toBe(0)
    expect(instances.flatMap((instance) => sentBy(instance)).length).toBe(2 * undone)
  })
})

describe('a transaction of SQL and ledger', () => {
  /** An instance whose way to the database a test can break; `sees` is asked of every write of its own tables. */
  async function behindProxy() {
    const direct = await fresh()
    const target = new URL(direct.url)
    const proxy = await startTcpProxy(Number(target.port))
    opened.push({ close: () => proxy.close() })
    const own = new URL(direct.url)
    own.port = String(proxy.port)
    own.hostname = '127.0.0.1'
    const log = keepingLog()
    const tablesThrough = postgresTables({
      url: own.href,
      log,
      name: 'bank',
      statementTimeoutMs: 2_000,
      ledger: direct.ledger,
    })
    opened.push(tablesThrough)
    const topic: OutgoingRecord[] = []
    const instance = { ...direct, inTables: { tables: tablesThrough, timeoutMs: 2_000 } }
    return { instance, proxy, topic }
  }

  /** What the statement with this text meets, once. */
  function once(text: string, treatment: ReturnType<Treatment>): Treatment & { readonly met: () => number } {
    let met = 0
    const treat: Treatment = (sent) => {
      if (met > 0 || !sent.includes(text)) return 'pass'
      met += 1
      return treatment
    }
    return Object.assign(treat, { met: () => met })
  }

  it.each<[string, string, ReturnType<Treatment>]>([
    ['before its SQL', 'BEGIN ISOLATION', 'swallow'],
    ['in its SQL', 'INSERT INTO entry', 'cut'],
    ['between its SQL and the commit', 'plan as ledger', 'swallow'],
    ['after the commit, whose answer is lost', 'plan as ledger', 'cut'],
    ['before a commit that comes late', 'plan as ledger', 'delay'],
  ])(
    'failure 2: a connection that is cut %s loses nothing and does nothing twice',
    async (_when, text, treatment) => {
      const { instance, proxy } = await behindProxy()
      const partition = await claim(instance)
      const trap = once(text, treatment)
      proxy.treat = trap
      await partition.take(batchOf(payments(1, [{}, { account: 'b' }])))
      await partition.take(batchOf(payments(3, [{}])))
      expect(trap.met()).toBe(1)
      expect([await entriesIn(instance), await entriesIn(instance, 'b')]).toEqual([[1, 3], [2]])
      expect([await balanceOf(instance), await nextIn(instance)]).toEqual([4, 4])
      expect(new Set(instance.relay.sent.map(({ id }) => id)).size).toBe(3)
      expect(partition.parked.state).toMatchObject({ keys: 0 })
      // The database was away; nobody else was to blame.
      expect(warnings(instance).every((said) => said.includes('database does not answer'))).toBe(true)
    },
  )

  it('is rolled back with its SQL where another owner has the partition', async () => {
    const instance = await fresh()
    const partition = await claim(instance)
    let taken = false
    tricks.set('lose', async () => {
      if (!taken) await instance.ledger.claim(place)
      taken = true
    })
    const taking = partition.take(batchOf(payments(1, [{ trick: 'lose' }])))
    await expect(taking).rejects.toMatchObject({ code: 'TROUPE_FENCED' })
    expect([await entriesIn(instance), await nextIn(instance), sentBy(instance)]).toEqual([[], null, []])
    const again = await claim(instance)
    await again.take(batchOf(payments(1, [{ trick: 'lose' }])))
    expect([await entriesIn(instance), await balanceOf(instance)]).toEqual([[1], 1])
  })

  it.each(['40001', '40P01', '55P03'])('is decided again after %s, its SQL too', async (sqlState) => {
    const instance = await fresh()
    let runs = 0
    tricks.set('meet', async (_data, { sql }) => {
      runs += 1
      if (runs === 1) await sql.query(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${sqlState}'; END $$`)
    })
    const partition = await claim(instance)
    await partition.take(batchOf(payments(1, [{}, { trick: 'meet' }])))
    expect([runs, await entriesIn(instance), await balanceOf(instance)]).toEqual([2, [1, 2], 3])
    expect(warnings(instance)).toEqual([])
  })

  it('leaves no connection in a transaction, whatever becomes of its events', async () => {
    const instance = await fresh({ ...parking, timeoutMs: 300 })
    tricks.set('throw', () => Promise.reject(new Error('no')))
    tricks.set('sleep', () => new Promise(() => {}))
    const partitions = await Promise.all(range(0, 12).map((partition) => claim(instance, partition)))
    await Promise.all(
      partitions.map((work, partition) =>
        work.take(
          batchOf(
            [undefined, 'throw', 'sleep'].map((trick, offset) =>
              recordOf(
                PaidIn,
                { account: `${trick}`, cents: 1, ...(trick ? { trick } : {}) },
                { offset, partition },
              ),
            ),
            { partition },
          ),
        ),
      ),
    )
    const [open] = await queryAt<{ count: number }>(
      instance.url,
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
    )
    expect(open?.count).toBe(0)
    const [connections] = await queryAt<{ count: number }>(
      instance.url,
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'troupe bank'`,
    )
    expect(connections?.count).toBeLessThanOrEqual(4)
    expect(await entriesIn(instance, 'undefined')).toHaveLength(12)
  })
})
