import type { Facts, PlacedOrder } from '../checks/facts.ts'
import type { World } from '../world/world.ts'
import { readGateway } from './read-gateway.ts'
import { readLedger, readStock } from './read-ledger.ts'
import { readTopics, type TopicFacts } from './read-topics.ts'

/** Everything there is to know about a world in which nothing moves any more. */
export async function gather(
  world: World,
  orders: readonly PlacedOrder[],
  known?: TopicFacts,
): Promise<Facts> {
  const topics = known ?? (await readTopics(world.kafka, world.registryUrl))
  const ledgers = await Promise.all(
    world.services.map(async (service) => {
      const url = world.databaseUrl(service)
      const ledger = await readLedger(url)
      if (service !== 'inventory') return [service, ledger] as const
      return [service, { ...ledger, documents: [...ledger.documents, ...(await readStock(url))] }] as const
    }),
  )
  const taken = await readGateway(world.gatewayUrl)
  return { orders, ledgers: new Map(ledgers), taken, ...topics }
}
