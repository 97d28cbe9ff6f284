export type { Behaviour } from './behaviour.ts'
export type { ChargeLine } from './book.ts'
export { type GatewayOptions, type GatewayServer, startGateway } from './start-gateway.ts'
