import net from 'node:net'
import tls from 'node:tls'
import { type Log, TroupeError } from '@troupe/core'
import { type Cluster, Kafka, type logCreator, logLevel, PartitionAssigners, type SASLOptions } from 'kafkajs'
import { guardData } from './guard-data.ts'
import { mendTimerLoop } from './mend-timer-loop.ts'
import { checkNamespace } from './namespace.ts'

/** How a client proves who it is. */
export interface KafkaCredentials {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

export interface KafkaSettings {
  /** Names this process in the broker's logs and quotas. */
  readonly clientId: string
  /** Where to begin: `host:port`, at least one. */
  readonly brokers: readonly string[]
  /**
   * Goes, with a dot, before the name of every topic and consumer group, so that several companies share
   * one cluster. Whoever uses the connection sees names without it. Default: none.
   */
  readonly namespace?: string
  /** True for TLS with the system's authorities, or Node's own TLS options. Default: plain TCP. */
  readonly ssl?: boolean | tls.ConnectionOptions
  readonly sasl?: KafkaCredentials
  /** Default 3,000. */
  readonly connectionTimeoutMs?: number
  /** How long one request may stay unanswered. Default 30,000. */
  readonly requestTimeoutMs?: number
}

/** Knows how to reach Kafka; holds nothing open itself. */
export interface KafkaConnection {
  readonly settings: KafkaSettings
  readonly log: Log
  /** Makes one client of its own sockets: whoever opens it ends it. */
  open(options?: OpenOptions): KafkaClient
}

export interface OpenOptions {
  readonly connectionTimeoutMs?: number
  readonly requestTimeoutMs?: number
  /** How often kafkajs itself tries again before it reports a failure. Default 3. */
  readonly retries?: number
  /** Sees every line that kafkajs logs, before it goes to the connection's log. */
  readonly onLogLine?: (line: KafkaLogLine) => void
}

export interface KafkaLogLine {
  readonly source: string
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** One kafkajs client whose sockets can be taken away from it. */
export interface KafkaClient {
  readonly kafka: Kafka
  /**
   * Ends every socket at once and lets kafkajs open no other. The way out when a graceful `disconnect`
   * hangs on a silent broker, or would reconnect because a send is still in flight.
   */
  destroy(): void
}

/** Lines of kafkajs that tell an operator something which nothing else here does. */
const personsBusiness = new Set(['Consumer group received unsubscribed topics'])

/**
 * Remembers how to reach Kafka. Nothing connects until something is pinged, created or started.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` for an address that is no `host:port`, or a namespace that cannot be one.
 */
export function connectKafka(settings: KafkaSettings, log: Log): KafkaConnection {
  if (settings.brokers.length === 0) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      'No Kafka broker is named. Name at least one as host:port.',
    )
  }
  const wrong = settings.brokers.findIndex((broker) => !isAddress(broker))
  if (wrong >= 0) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `"${settings.brokers[wrong]}" is no Kafka broker's address. Give it as host:port, such as localhost:9092.`,
    )
  }
  if (settings.namespace !== undefined) checkNamespace(settings.namespace)
  if (settings.sasl?.mechanism === 'plain' && !settings.ssl) {
    log.warn(
      { user: settings.sasl.username, brokers: settings.brokers },
      `The password of ${settings.sasl.username} goes to Kafka as it is, for anybody on the way to read: SASL plain is without TLS. Use TLS (KAFKA_TLS=1), or scram-sha-512.`,
    )
  }
  return { settings, log, open: (options = {}) => openClient(settings, log, options) }
}

function isAddress(text: string): boolean {
  const port = Number(/^[^\s:/]+:(\d{1,5})$/.exec(text)?.[1])
  return port >= 1 && port <= 65_535
}

function openClient(settings: KafkaSettings, log: Log, options: OpenOptions): KafkaClient {
  mendTimerLoop(log)
  const sockets = new Set<net.Socket>()
  let isDestroyed = false
  const kafka = new Kafka({
    clientId: settings.clientId,
    brokers: [...settings.brokers],
    ...(settings.ssl === undefined ? {} : { ssl: settings.ssl }),
    // A copy: kafkajs writes into it.
    ...(settings.sasl === undefined ? {} : { sasl: { ...settings.sasl } as SASLOptions }),
    connectionTimeout: options.connectionTimeoutMs ?? settings.connectionTimeoutMs ?? 3_000,
    requestTimeout: options.requestTimeoutMs ?? settings.requestTimeoutMs ?? 30_000,
    // All of it is named: kafkajs has other defaults where NODE_ENV is "test".
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 1_000,
      factor: 0.2,
      multiplier: 2,
      retries: options.retries ?? 3,
    },
    logLevel: logLevel.WARN,
    logCreator: logTo(log, options.onLogLine),
    socketFactory: ({ host, port, ssl, onConnect }) => {
      if (isDestroyed) throw new Error('this client was closed')
      const socket = ssl
        ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
        : net.connect({ host, port }, onConnect)
      socket.setKeepAlive(true, 60_000)
      // A request must not wait for the acknowledgement of the one before.
      socket.setNoDelay(true)
      guardData(socket)
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      return socket
    },
  })
  return {
    kafka,
    destroy() {
      isDestroyed = true
      // With an error, because kafkajs hears only `end` and `error`: its open requests are rejected by it.
      for (const socket of sockets) socket.destroy(new Error('this client was closed'))
    },
  }
}

/**
 * A cluster of this client, which makes no topic by asking for it: kafkajs shows one to a consumer's partition
 * assigner, and to nobody else.
 */
export function clusterOf(
  { kafka }: KafkaClient,
  { metadataMaxAgeMs }: { readonly metadataMaxAgeMs?: number } = {},
): Cluster {
  const seen: Cluster[] = []
  kafka.consumer({
    groupId: 'none',
    allowAutoTopicCreation: false,
    ...(metadataMaxAgeMs !== undefined && { metadataMaxAge: metadataMaxAgeMs }),
    partitionAssigners: [
      (config) => {
        seen.push(config.cluster)
        return PartitionAssigners.roundRobin(config)
      },
    ],
  })
  const [cluster] = seen
  if (!cluster) throw new Error('kafkajs shows its cluster no longer')
  return cluster
}

/**
 * kafkajs reports every failed attempt as an error. What comes of it is said by whoever made the attempt,
 * once; the attempts themselves are for debugging.
 */
function logTo(log: Log, onLogLine: OpenOptions['onLogLine']): logCreator {
  return () =>
    ({
      namespace,
      label,
      log: { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...facts },
    }) => {
      onLogLine?.({ source: namespace, message, facts })
      const line = { kafkajs: label, source: namespace, ...facts }
      if (personsBusiness.has(message)) log.warn(line, message)
      else log.debug(line, message)
    }
}
