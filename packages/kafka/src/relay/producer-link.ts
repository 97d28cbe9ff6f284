import type { Cluster } from 'kafkajs'
import { clusterOf, type KafkaClient, type KafkaConnection } from '../client/client.ts'
import { Publisher } from './publisher.ts'
import { settlesWithin } from '../client/settles-within.ts'

interface Link {
  readonly client: KafkaClient
  readonly cluster: Cluster
  readonly publisher: Publisher
  readonly connected: Promise<void>
}

/**
 * A publisher that is connected when it is needed, and made anew after it failed.
 *
 * kafkajs reconnects a cluster that has requests in flight while it is being disconnected; here its sockets
 * are taken away instead, so that what is dropped stays dropped.
 */
export class ProducerLink {
  readonly #connection: KafkaConnection
  #link: Link | undefined

  readonly #metadataMaxAgeMs: number

  constructor(connection: KafkaConnection, { metadataMaxAgeMs }: { readonly metadataMaxAgeMs: number }) {
    this.#connection = connection
    this.#metadataMaxAgeMs = metadataMaxAgeMs
  }

  async connected(): Promise<Publisher> {
    this.#link ??= this.#open()
    const link = this.#link
    try {
      await link.connected
      return link.publisher
    } catch (error) {
      this.drop(link.publisher)
      throw error
    }
  }

  /** Ends this publisher at once, if it is still the present one. */
  drop(publisher: Publisher): void {
    if (this.#link?.publisher !== publisher) return
    this.#link.client.destroy()
    this.#link = undefined
  }

  /** Says goodbye if nothing is in flight; takes the sockets away in any case. */
  async close(): Promise<void> {
    const link = this.#link
    if (!link) return
    this.#link = undefined
    const gone = link.cluster.disconnect()
    await settlesWithin(gone, disconnectMs)
    link.client.destroy()
    await settlesWithin(gone, disconnectMs)
  }

  #open(): Link {
    // The relay tries again itself: it knows the order, and how long it has been failing.
    const client = this.#connection.open({ retries: 0 })
    const cluster = clusterOf(client, { metadataMaxAgeMs: this.#metadataMaxAgeMs })
    const publisher = new Publisher({ cluster, log: this.#connection.log })
    return { client, cluster, publisher, connected: cluster.connect() }
  }
}

const disconnectMs = 1_000
