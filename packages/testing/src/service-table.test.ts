import { expect, it } from '@jest/globals'
import { command, reaction, service, undo } from '@troupe/core'
import {
  InventoryFailed,
  InventoryReleased,
  InventoryReserved,
  PaymentProcessed,
  ShippingFailed,
} from '@troupe-demo/schemas'
import { serviceTable } from './service-table.ts'

it('reads a table off the declaration: commands, steps, undos and what is only listened to', () => {
  const reserve = reaction({ on: PaymentProcessed, emits: [InventoryReserved, InventoryFailed], react() {} })
  const release = undo(reserve, {
    undoes: InventoryReserved,
    on: ShippingFailed,
    emits: [InventoryReleased],
    react() {},
  })
  const note = reaction({ on: [InventoryReleased, InventoryFailed], emits: [], react() {} })
  const restock = command({ emits: [InventoryReleased], react: () => undefined })
  const inventory = service({
    name: 'inventory',
    reactions: { reserve, release, note },
    commands: { restock },
  })
  expect(serviceTable(inventory)).toBe(
    `
| hears                              | does                             | says                               |
| ---------------------------------- | -------------------------------- | ---------------------------------- |
| (asked from outside)               | \`restock\`                        | InventoryReleased                  |
| PaymentProcessed                   | \`reserve\`, a step                | InventoryReserved, InventoryFailed |
| ShippingFailed                     | \`release\`, the undo of \`reserve\` | InventoryReleased                  |
| InventoryReleased, InventoryFailed | \`note\`                           | (nothing)                          |`.trim(),
  )
})
