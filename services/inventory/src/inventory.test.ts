import { expect, it } from '@jest/globals'
import { type Checked, type Scenario, serviceTable, specify } from '@troupe/testing'
import { behavesAsInventory, ids, type Said, type Story } from './inventory.behaviour.test.kit.ts'
import { inventory } from './inventory.ts'
import { inventory as onDocuments, stock } from './on-documents/index.ts'

function story(scenario: Scenario): Story {
  return {
    stocked: (sku, state) => story(scenario.given(stock(sku), state)),
    given: (event, options) => story(scenario.given(event, options)),
    when: (event, options) => ({
      emits: (...expected) => said(scenario.when(event, options).then(...expected)),
    }),
  }
}

function said(checked: Checked): Said {
  return {
    ...story(checked),
    leaves: (sku, state) => said(checked.thenDocument(stock(sku), state)),
    ends: (ending) => said(checked.thenOutcome(ending)),
    told: async () => {},
  }
}

behavesAsInventory({
  name: 'on documents',
  open: async () => ({ story: story(specify(onDocuments, { ids })), close: async () => {} }),
})

it('hears, does and says the same in both of its forms', () => {
  expect(serviceTable(onDocuments)).toBe(serviceTable(inventory))
})
