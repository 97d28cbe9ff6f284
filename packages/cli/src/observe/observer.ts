// Looks on at what happens on Kafka: reads every topic of the choreography from its beginning.
//
// | state    | start()    | stop()   |
// |----------|------------|----------|
// | new      | watching   | stopped  |
// | watching | (refused)  | stopped  |
// | stopped  | (refused)  | -        |
//
// It changes nothing: a consumer group of its own, gone with it.

import { createCodec } from '@troupe/avro'
import {
  type AnyEventType,
  type Codec,
  deadLetterHeaders,
  type Event,
  envelopeOf,
  eventOf,
  isTroupeError,
  laneOf,
  type Log,
  messageOf,
  type RawRecord,
  retryVerdictOf,
  schemaNameIn,
  type Service,
  topologyOf,
  TroupeError,
  typeHeaderOf,
} from '@troupe/core'
import { connectKafka, createLogEnds, createReceiver } from '@troupe/kafka'
import { randomUUID } from 'node:crypto'
import { createSightings, type Sightings } from './sightings.ts'

export interface ObserverOptions {
  /** `host:port` of a broker, or of several with commas between them. */
  readonly kafka: string
  readonly registryUrl: string
  /** The one that the services run in; see `TROUPE_NAMESPACE`. */
  readonly namespace?: string | undefined
  /** Whose topics are watched; they must exist. */
  readonly services: readonly Service[]
  readonly log: Log
  /** How many ended sagas are kept in full. Default 1,000. */
  readonly wholeKeptMax?: number
}

/** Sees every event of a choreography pass by. */
export interface Observer extends Omit<Sightings, 'add'> {
  /** Resolves when everything that was there before has been read. */
  start(): Promise<void>
  /** Resolves when everything that Kafka holds now has been read. */
  caughtUp(signal?: AbortSignal): Promise<void>
  /**
   * Resolves with what `look` finds, asked now and whenever something was read.
   * @throws the signal's reason
   */
  until<Found>(look: () => Found | undefined, signal: AbortSignal): Promise<Found>
  /** The services that hear an event type. */
  hearersOf(type: string): readonly string[]
  /**
   * What cannot be read, and what a service has set aside as a dead letter, since the start: a sentence each,
   * the first few.
   */
  troubles(): readonly string[]
  /** How many of these were there before. */
  earlierTroubles(): number
  stop(): Promise<void>
}

/** An observer that is not connected yet. */
export function createObserver(options: ObserverOptions): Observer {
  const { services, log, wholeKeptMax } = options
  const { namespace } = options
  const within = namespace === undefined ? {} : { namespace }
  const brokers = options.kafka.split(',')
  const connection = connectKafka({ clientId: 'troupe-observer', brokers, ...within }, log)
  const logEnds = createLogEnds(connection)
  const codec = createCodec({ registryUrl: options.registryUrl, ...within, log })
  const types = new Map(
    services.flatMap(({ says }) => says).map((type) => [`${type.topic}/${type.type}`, type]),
  )
  const topics = services.flatMap(({ topic, deadLetterTopic }) => [topic, deadLetterTopic])
  const deadLetterTopics = new Set(services.map(({ deadLetterTopic }) => deadLetterTopic))
  const topology = topologyOf(services)
  const { add, ...sightings } = createSightings(wholeKeptMax)
  const positions = new Map<string, bigint>()
  let history: ReadonlyMap<string, bigint> = new Map()
  let wakers: (() => void)[] = []
  const troubles: string[] = []
  let earlierTroubles = 0

  async function take(records: readonly RawRecord[]): Promise<void> {
    const seenAtMs = performance.now()
    for (const record of records) {
      const isHistory = record.offset < (history.get(laneOf(record)) ?? 0n)
      const event = await read(record, { types, codec, deadLetterTopics }).catch((error: unknown) => {
        if (isTroupeError(error) && retryVerdictOf(error) === 'wait') throw error
        if (isHistory) earlierTroubles += 1
        else if (troubles.length < troublesMax) troubles.push(messageOf(error))
      })
      if (event) add({ event, seenAtMs, isHistory })
      positions.set(laneOf(record), record.offset + 1n)
    }
  }

  const receiver = createReceiver({
    connection,
    groupId: `troupe-observer-${randomUUID()}`,
    topics,
    log,
    // A partition that comes back is read on from where it was left: what was seen stays seen.
    assign: async (partition) => ({
      next: positions.get(laneOf(partition)),
      async take({ records, to }) {
        await take(records)
        positions.set(laneOf(partition), to)
        const woken = wakers
        wakers = []
        for (const wake of woken) wake()
      },
      release: async () => {},
    }),
  })

  const observer: Observer = {
    ...sightings,
    async start() {
      history = await logEnds.read(topics)
      await receiver.start()
      await observer.caughtUp()
    },
    async caughtUp(signal = AbortSignal.timeout(30_000)) {
      const wanted = await logEnds.read(topics)
      await observer.until(
        () =>
          [...wanted].every(([lane, end]) => end === 0n || (positions.get(lane) ?? 0n) >= end) || undefined,
        signal,
      )
    },
    until: (look, signal) =>
      new Promise((resolve, reject) => {
        const ask = (): void => {
          if (signal.aborted) return reject(signal.reason as Error)
          const found = look()
          if (found === undefined) wakers.push(ask)
          else {
            signal.removeEventListener('abort', ask)
            resolve(found)
          }
        }
        signal.addEventListener('abort', ask, { once: true })
        ask()
      }),
    hearersOf: (type) => topology.events.find((event) => event.type === type)?.heardBy ?? [],
    troubles: () => troubles,
    earlierTroubles: () => earlierTroubles,
    async stop() {
      await Promise.all([receiver.stop(), logEnds.close()])
    },
  }
  return observer
}

interface Readings {
  readonly types: ReadonlyMap<string, AnyEventType>
  readonly codec: Codec
  readonly deadLetterTopics: ReadonlySet<string>
}

const troublesMax = 20

async function read(record: RawRecord, { types, codec, deadLetterTopics }: Readings): Promise<Event> {
  const { topic, partition, offset, timestampMs } = record
  if (deadLetterTopics.has(topic)) {
    const reason = record.headers[deadLetterHeaders.message]
    throw new TroupeError(
      'TROUPE_EVENT_INVALID',
      `${topic} got a dead letter, ${typeHeaderOf(record.headers) ?? 'of unknown type'}: ${String(reason)}`,
    )
  }
  const type = types.get(`${topic}/${typeHeaderOf(record.headers)}`)
  if (!type || !record.value) {
    throw new TroupeError(
      'TROUPE_EVENT_INVALID',
      `${topic}[${partition}]@${offset} is no event of this choreography.`,
    )
  }
  const key = record.key === null ? null : Buffer.from(record.key).toString()
  const place = { topic, partition, offset: String(offset), key, timestampMs }
  const data = (await codec.decode(type, record.value, schemaNameIn(record.headers))) as object
  const facts = { type: type.type, key: () => type.keyOf(data) }
  return eventOf(envelopeOf(record.headers, place, facts), data)
}
