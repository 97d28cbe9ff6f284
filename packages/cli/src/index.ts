export { type Address, addressOf } from './ecosystem/address.ts'
export {
  type Ecosystem,
  type EcosystemOptions,
  type EcosystemTimings,
  startEcosystem,
} from './ecosystem/ecosystem.ts'
export type { ServiceLine } from './ecosystem/log-lines.ts'
export { paymentGateway, type ServiceSpec, storyServices } from './ecosystem/service-main.ts'
export type { ProcessState, ServiceProcess } from './ecosystem/service-process.ts'
export { loadServices } from './graph/load-services.ts'
export { mermaidOf } from './graph/mermaid.ts'
export { createHttpClient, type HttpAnswer, type HttpClient } from './http/http-client.ts'
export { type MixedOrder, mixedOrders } from './load/mixed-orders.ts'
export { type Percentiles, percentilesOf } from './load/percentiles.ts'
export { placeOrders, type PlaceOrdersOptions } from './load/place-orders.ts'
export type { LoadReport } from './load/tally.ts'
export { type Balance, balanceOf } from './observe/balance.ts'
export { type Books, readBooks } from './observe/books.ts'
export { createObserver, type Observer, type ObserverOptions } from './observe/observer.ts'
export { chainOf, outcomeOf, type Saga, type SeenEvent } from './observe/saga.ts'
export type { Sums } from './observe/sums.ts'
export { type OrderApi, orderApi } from './stories/order-api.ts'
export { type Expectation, expectations, type OrderKind, orderOf } from './stories/orders.ts'
export { playStory, type StoryReport } from './stories/play-story.ts'
export { stories, type Story } from './stories/stories.ts'
export { Interruption, stopSignals } from './terminal/stop-signals.ts'
