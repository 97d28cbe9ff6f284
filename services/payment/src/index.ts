export { limitCents } from './card-rules.ts'
export { charge, type Charge } from './charge.ts'
export { payment } from './payment.ts'
export { routes } from './routes.ts'
