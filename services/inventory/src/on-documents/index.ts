export { inventory } from './inventory.ts'
export { stock } from './stock.ts'
