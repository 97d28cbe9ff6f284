import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { reaction, service, type Sql, undo } from '@troupe/core'
import { type EmbeddedPostgres, startPostgres } from '@troupe/embedded'
import { InventoryReleased, InventoryReserved, PaymentProcessed, ShippingFailed } from '@troupe-demo/schemas'
import { specify } from './given.ts'
import { like } from './given-like.ts'
import { later } from './given-later.ts'
import { specifyOn, type TableSpecification } from './given-tables.ts'

const reserve = reaction({
  on: PaymentProcessed,
  emits: [InventoryReserved],
  async transact({ data: { orderId, items, shipTo } }, { sql, emit, id, schedule }) {
    if (shipTo.country === 'XX')
      return schedule(InventoryReserved, { orderId, reservationId: id(), items, shipTo }, { afterMs: 60_000 })
    for (const { sku, quantity } of items)
      await sql`UPDATE shelf SET free = free - ${quantity} WHERE sku = ${sku}`
    emit(InventoryReserved, { orderId, reservationId: id('reservation'), items, shipTo })
  },
})
const release = undo(reserve, {
  undoes: InventoryReserved,
  on: ShippingFailed,
  emits: [InventoryReleased],
  async transact({ data: { reason } }, { done: { orderId, reservationId, items }, sql, emit }) {
    for (const { sku, quantity } of items)
      await sql`UPDATE shelf SET free = free + ${quantity} WHERE sku = ${sku}`
    emit(InventoryReleased, { orderId, reservationId, items, reason })
  },
})
const inventory = service({
  name: 'inventory',
  reactions: { reserve, release },
  tables: [
    {
      name: 'shelf',
      sql: `CREATE TABLE shelf (sku text PRIMARY KEY, free int CHECK (free >= 0)); INSERT INTO shelf VALUES ('book', 3)`,
    },
  ],
})

const uuid = '0b8f7d4e-52a1-8c3e-9d10-6f2a7c1e4b90'
const paid = (quantity: number, country = 'DE') =>
  PaymentProcessed({
    orderId: 'o1',
    paymentId: uuid,
    amountCents: 1,
    items: [{ sku: 'book', quantity }],
    shipTo: { country },
  })
const failedToShip = ShippingFailed({ orderId: 'o1', reason: 'no carrier' })
const shelf = (sql: Sql) => sql`SELECT sku, free FROM shelf`

let server: EmbeddedPostgres
let databaseUrl: string
let stories: TableSpecification
beforeAll(async () => {
  server = await startPostgres({ fsync: false })
  databaseUrl = await server.createDatabase({ name: 'inventory' })
  stories = await specifyOn(inventory, { databaseUrl, ids: { reservation: uuid } })
})
afterAll(async () => {
  await stories?.close()
  await server?.stop()
})

describe('a story of a service with tables', () => {
  it('is told when it is awaited, from its beginning, and leaves nothing to the next one', async () => {
    const { given, sql } = stories
    const last = given((write) => write`UPDATE shelf SET free = 1`)
    const gone = last
      .when(paid(1))
      .then(like(InventoryReserved, { reservationId: uuid }))
      .thenRows(shelf, [{ sku: 'book', free: 0 }])
    await gone
    await last.when(paid(1)).then(like(InventoryReserved, {})).thenOutcome('applied')
    await gone
      .when(failedToShip)
      .then(like(InventoryReleased, { reason: 'no carrier' }))
      .thenRows(shelf, [{ sku: 'book', free: 1 }])
    expect(await shelf(sql)).toEqual([{ sku: 'book', free: 3 }])
  })

  it('knows what was done before: again, undone, undone again, called off', async () => {
    const { given, when } = stories
    await given(paid(1)).when(paid(1)).then().thenOutcome('step-repeated')
    await when(paid(1)).then(like(InventoryReserved, {})).whenRedelivered().then().thenOutcome('duplicate')
    await given(paid(1)).given(failedToShip).when(failedToShip).then().thenOutcome('undo-repeated')
    await given(failedToShip)
      .when(paid(1))
      .then()
      .thenOutcome('step-barred')
      .thenRows(shelf, [{ sku: 'book', free: 3 }])
  })

  it('goes on from before what was thrown', async () => {
    await stories
      .when(paid(4))
      .thenThrows(/violates check constraint/)
      .thenRows(shelf, [{ sku: 'book', free: 3 }])
      .when(paid(3))
      .then(like(InventoryReserved, {}))
  })

  it('lets time pass', async () => {
    const held = { orderId: 'o1' }
    const waiting = stories
      .when(paid(1, 'XX'))
      .then(later(like(InventoryReserved, held), { afterMs: 60_000 }))
    await waiting.whenTimePasses(59_999).then().whenTimePasses(1).then(like(InventoryReserved, held))
  })

  it('says what is otherwise: events, rows, outcome, what was thrown, the test’s own SQL', async () => {
    const { given, when } = stories
    await expect(when(paid(1)).then()).rejects.toThrow(/emitted other events than expected/)
    await expect(when(paid(1)).then(like(InventoryReserved, {})).thenRows(shelf, [])).rejects.toThrow(
      /left other rows than expected/,
    )
    await expect(when(failedToShip).then().thenOutcome('applied')).rejects.toThrow(/ended otherwise/)
    await expect(when(paid(1)).thenThrows('nothing')).rejects.toThrow(/should have thrown/)
    await expect(given(paid(9)).when(paid(1)).then()).rejects.toThrow(/violates check constraint/)
    await expect(
      given((sql) => sql`SELECT 1 / 0`)
        .when(paid(1))
        .then(),
    ).rejects.toThrow(/test's own SQL failed: division by zero/)
  })

  it('that nobody awaited is found when the specification is closed', async () => {
    const forgetful = await specifyOn(inventory, { databaseUrl })
    void forgetful.when(paid(9)).then(like(InventoryReserved, {})).thenOutcome('applied')
    await expect(forgetful.close()).rejects.toMatchObject({ code: 'TROUPE_EXPECTATION_FAILED' })
  })
})

it('is sent to a database by the stories that have none', () => {
  specify(inventory)
    .when(paid(1))
    .thenThrows(/decides in SQL, which needs a database: await specifyOn/)
})
