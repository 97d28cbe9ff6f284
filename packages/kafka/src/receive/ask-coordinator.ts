import { clusterOf, type KafkaConnection } from '../client/client.ts'

/** What kafkajs's own cluster calls, and its types leave out. */
interface Asked {
  findGroupCoordinator(request: {
    readonly groupId: string
    readonly coordinatorType: number
  }): Promise<unknown>
}

/** Source: Kafka protocol, FindCoordinator. */
const groupCoordinator = 0
const answerTimeoutMs = 3_000

/**
 * What the brokers say when they are asked who coordinates a group; undefined if one of them tells. kafkajs
 * keeps it to itself, and says of every refusal that there is no coordinator.
 */
export async function coordinatorRefusal(connection: KafkaConnection, groupId: string): Promise<unknown> {
  const client = connection.open({
    connectionTimeoutMs: answerTimeoutMs,
    requestTimeoutMs: answerTimeoutMs,
    retries: 0,
  })
  let last: unknown
  try {
    const cluster = clusterOf(client)
    await cluster.connect()
    await cluster.refreshMetadata()
    for (const nodeId of cluster.getNodeIds().map(String)) {
      try {
        const broker = (await cluster.findBroker({ nodeId })) as unknown as Asked
        await broker.findGroupCoordinator({ groupId, coordinatorType: groupCoordinator })
        return undefined
      } catch (error) {
        last = error
      }
    }
  } catch (error) {
    last = error
  } finally {
    client.destroy()
  }
  return last
}
