import { createCodec } from '@troupe/avro'
import type { Log, Service } from '@troupe/core'
import { connectKafka, onWire } from '@troupe/kafka'
import { postgresLedger, postgresTables } from '@troupe/postgres'
import { databaseAccess, kafkaSettings, registryAccess } from './connecting.ts'
import { createDependencies } from './dependencies.ts'
import type { Settings } from '../settings/environment.ts'
import {
  registryTimeoutMs,
  transactTimeoutMsDefault,
  unknownSchemaWaitMsDefault,
} from '../settings/limits.ts'
import { createSchemaKeeping } from '../schemas/schema-keeping.ts'
import { createTracing } from '../observe/tracing.ts'

export type Rooms = ReturnType<typeof openRooms>

/** What a service reaches the outside with: Kafka, the registry, the database, a tracer. Nothing connects yet. */
export function openRooms(service: Service, settings: Settings, log: Log) {
  const now = Date.now
  const { unknownSchemaWaitMs = unknownSchemaWaitMsDefault } = settings
  const ledger = postgresLedger({ ...databaseAccess(settings), log })
  const { transactTimeoutMs = transactTimeoutMsDefault } = settings
  const tables =
    service.tables &&
    postgresTables({
      ...databaseAccess(settings),
      name: service.name,
      statementTimeoutMs: transactTimeoutMs,
      ledger,
      log,
    })
  const codec = createCodec({
    ...registryAccess(settings),
    ...(settings.namespace === undefined ? {} : { namespace: settings.namespace }),
    unknownSchemaWaitMs,
    timeoutMs: registryTimeoutMs,
    log,
  })
  const connection = connectKafka(kafkaSettings(service, settings), log)
  const wireNames = {
    consumerGroup: onWire(connection, service.name),
    onWire: (topic: string) => onWire(connection, topic),
  }
  return {
    log,
    now,
    dependencies: createDependencies({ log, now }),
    ledger,
    /** Undefined for a service that has none of its own. */
    inTables: tables && { tables, timeoutMs: transactTimeoutMs },
    codec,
    schemas: createSchemaKeeping({ service, codec, ledger, log, now }),
    connection,
    wireNames,
    tracing: createTracing({ service: service.name, deadLetterTopic: service.deadLetterTopic, ...wireNames }),
  }
}
