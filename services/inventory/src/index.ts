export { inventory } from './inventory.ts'
export { routes } from './routes.ts'
export { openingStock, stock, type Stock } from './stock.ts'
