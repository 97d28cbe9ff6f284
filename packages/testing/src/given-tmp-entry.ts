export { specify } from './given.ts'
export { like } from './given-like.ts'
export { serviceTable } from './service-table.ts'
