export { inventory } from './inventory.ts'
export { routes } from './routes.ts'
export { openingStock, type Stock } from './stock.ts'
export { stockOf } from './stock-of.ts'
