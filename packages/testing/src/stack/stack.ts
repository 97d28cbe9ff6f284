import type { KafkaCredentials } from '@troupe/kafka'
import type { KafkaTls } from '@troupe/runtime'

/**
 * Kafka, a Schema Registry and PostgreSQL, wherever they run. An `EmbeddedStack` is one, and so is what
 * `startRealStack` and `connectStack` resolve to. It may serve several harnesses at the same time: each of
 * them keeps to names of its own.
 */
export interface Stack {
  readonly kafka: {
    /** `host:port` of a broker; several separated by commas. */
    readonly address: string
    /** How it is spoken to over TLS. Default: without. */
    readonly tls?: KafkaTls | undefined
    /** Who a client is. Default: nobody is asked. */
    readonly sasl?: KafkaCredentials | undefined
  }
  /** With the path of the Confluent API, if it is not the root. */
  readonly registry: { readonly url: string }
  readonly postgres: {
    /** Makes a database with a role of its own that owns it; resolves to its URL, password included. */
    createDatabase(options: { readonly name: string }): Promise<string>
    /** Drops database and role. Left out by a server that takes all of it away when it stops. */
    dropDatabase?(options: { readonly name: string }): Promise<void>
  }
  /** Lets go of it: what was started for it ends, what was there before stays. Harmless when called twice. */
  stop(): Promise<void>
}

/** Where a harness finds its stack. */
export type StackName = 'embedded' | 'testcontainers' | 'external'
