export { routes } from './routes.ts'
export { shipment, type Shipment } from './shipment.ts'
export { shipping } from './shipping.ts'
