import { expect, it } from '@jest/globals'
import { serviceTable } from '@troupe/testing'
import { readFileSync } from 'node:fs'
import { inventory } from './inventory.ts'

it('says in its README what it hears, does and says', () => {
  expect(readFileSync(new URL('../README.md', import.meta.url), 'utf8')).toContain(serviceTable(inventory))
})
