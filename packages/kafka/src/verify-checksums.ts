import type { Log } from '@troupe/core'
import type { Cluster } from 'kafkajs'
import { decodeVerified, verifiedVersion } from './verified-fetch.ts'

/** Source: Kafka protocol, Fetch. */
const fetchKey = 1

interface Sent {
  readonly request: { readonly apiKey: number; readonly apiVersion: number }
  readonly response: object
}

/** What kafkajs's own consumer calls, and its types leave out. */
interface BrokerAsItIs {
  readonly connectionPool?: { send?: (sent: Sent) => Promise<unknown> }
}

/**
 * Makes one consumer's fetches look at checksums, which kafkajs 2.2.4 reads past. Other clients of the
 * process stay as they are: only the brokers that this cluster finds are changed.
 */
export function verifyChecksums(cluster: Cluster, log: Log): void {
  const mended = new WeakSet<object>()
  const findBroker = cluster.findBroker.bind(cluster)
  cluster.findBroker = async (node) => {
    const broker = await findBroker(node)
    const { connectionPool } = broker as unknown as BrokerAsItIs
    if (!connectionPool?.send) {
      log.debug({}, 'kafkajs does not look as expected, so checksums are not verified')
      return broker
    }
    if (mended.has(connectionPool)) return broker
    mended.add(connectionPool)
    const send = connectionPool.send.bind(connectionPool)
    connectionPool.send = (sent) => send(isVerified(sent) ? verified(sent) : sent)
    return broker
  }
}

function isVerified({ request }: Sent): boolean {
  return request.apiKey === fetchKey && request.apiVersion === verifiedVersion
}

function verified(sent: Sent): Sent {
  return { ...sent, response: { ...sent.response, decode: decodeVerified } }
}
