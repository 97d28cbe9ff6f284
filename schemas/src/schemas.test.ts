import { describe, expect, it } from '@jest/globals'
import type { AnyEventType } from '@troupe/core'
import * as schemas from './index.ts'

interface Named {
  readonly name: string
  readonly doc?: string
  readonly type?: unknown
  readonly fields?: readonly Named[]
  readonly items?: unknown
}

const owners = new Set(['order', 'payment', 'inventory', 'shipping'])
/** The order story's. A service that joins it brings events, and rules about them, of its own. */
const types: readonly AnyEventType[] = Object.values(schemas).filter(({ owner }) => owners.has(owner))

/** Every record and every field of a schema, at every depth, by path. */
function partsOf(schema: unknown, path: string): readonly (readonly [string, Named])[] {
  if (Array.isArray(schema)) return schema.flatMap((one) => partsOf(one, path))
  if (typeof schema !== 'object' || schema === null) return []
  const { fields = [], items } = schema as Named
  const record = fields.length > 0 ? [[path, schema as Named] as const] : []
  return [
    ...record,
    ...fields.flatMap((field) => [
      [`${path}.${field.name}`, field] as const,
      ...partsOf(field.type, `${path}.${field.name}`),
    ]),
    ...partsOf(items, path),
  ]
}

it('holds the fifteen events of the order story', () => {
  expect(types.map(({ owner, type }) => `${owner}/${type}`).sort()).toEqual([
    'inventory/InventoryFailed',
    'inventory/InventoryReleased',
    'inventory/InventoryReserved',
    'order/OrderAbandoned',
    'order/OrderCancelled',
    'order/OrderCompleted',
    'order/OrderOverdue',
    'order/OrderReceived',
    'payment/PaymentFailed',
    'payment/PaymentProcessed',
    'payment/PaymentRefunded',
    'payment/ReservationOverdue',
    'shipping/ShippingCancelled',
    'shipping/ShippingFailed',
    'shipping/ShippingScheduled',
  ])
})

describe.each(types.map((type) => [type.type, type] as const))('%s', (_name, { schema, owner, topic }) => {
  it('belongs to its owner and is keyed by the order', () => {
    expect(schema).toMatchObject({ namespace: owner, key: 'orderId' })
    expect(topic).toBe(`${owner}.events`)
  })

  it('says what it means, and what each field means', () => {
    const silent = partsOf(schema, schema.name).filter(([, { doc }]) => !doc)
    expect(silent.map(([path]) => path)).toEqual([])
  })

  it('has money as whole cents and with a currency', () => {
    const fields = new Map(partsOf(schema, schema.name))
    const money = [...fields].filter(([path]) => path.endsWith('Cents'))
    expect(money.filter(([, { type }]) => type !== 'long')).toEqual([])
    if (money.length > 0) expect(fields.has(`${schema.name}.currency`)).toBe(true)
  })
})
