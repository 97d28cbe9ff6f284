import { type Producer, Partitioners } from 'kafkajs'
import type { KafkaClient, KafkaConnection } from './client.ts'
import { settlesWithin } from './settles-within.ts'

interface Link {
  readonly client: KafkaClient
  readonly producer: Producer
  readonly connected: Promise<void>
}

/**
 * A producer that is connected when it is needed, and made anew after it failed.
 *
 * kafkajs reconnects a producer that has sends in flight while it is being disconnected; here its sockets
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

  async connected(): Promise<Producer> {
    this.#link ??= this.#open()
    const link = this.#link
    try {
      await link.connected
      return link.producer
    } catch (error) {
      this.drop(link.producer)
      throw error
    }
  }

  /** Ends this producer at once, if it is still the present one. */
  drop(producer: Producer): void {
    if (this.#link?.producer !== producer) return
    this.#link.client.destroy()
    this.#link = undefined
  }

  /** Says goodbye if nothing is in flight; takes the sockets away in any case. */
  async close(): Promise<void> {
    const link = this.#link
    if (!link) return
    this.#link = undefined
    const gone = link.producer.disconnect()
    await settlesWithin(gone, disconnectMs)
    link.client.destroy()
    await settlesWithin(gone, disconnectMs)
  }

  #open(): Link {
    const client = this.#connection.open({ retries: 0 })
    const producer = client.kafka.producer({
      // murmur2 over the key's bytes, as the Java client does it. Naming it also keeps kafkajs from warning.
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      metadataMaxAge: this.#metadataMaxAgeMs,
      // The relay tries again itself: it knows the order, and how long it has been failing.
      retry: { retries: 0 },
    })
    return { client, producer, connected: producer.connect() }
  }
}

const disconnectMs = 1_000
