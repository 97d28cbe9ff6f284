import type { Facts, PlacedOrder } from '../checks/facts.ts'
import type { World } from '../world/world.ts'
import { readGateway } from './read-gateway.ts'
import { readLedger } from './read-ledger.ts'
import { readTopics, type TopicFacts } from './read-topics.ts'

/** Everything there is to know about a world in which nothing moves any more. */
export async function gather(
  world: World,
  orders: readonly PlacedOrder[],
  known?: TopicFacts,
): Promise<Facts> {
  const topics = known ?? (await readTopics(world.kafka, world.registryUrl))
  const ledgers = await Promise.all(
    world.services.map(async (service) => [service, await readLedger(world.databaseUrl(service))] as const),
  )
  const taken = await readGateway(world.gatewayUrl)
  return { orders, ledgers: new Map(ledgers), taken, ...topics }
}
