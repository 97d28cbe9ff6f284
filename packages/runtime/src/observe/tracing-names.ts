import type { Attributes } from '@opentelemetry/api'
import type { Emitted } from '@troupe/core'
import type { Heard } from '../batch/decode.ts'

// The names of everything that spans say: OpenTelemetry's semantic conventions 1.45 for messaging and HTTP,
// and `troupe.*` for what they do not know. The only place that spells them. What is said per event is spelled
// in object literals: names out of a table cost several microseconds an object.

/** What is said one by one. */
export const attributes = {
  errorType: 'error.type',
  httpStatus: 'http.response.status_code',
  outcome: 'troupe.outcome',
  attempts: 'troupe.attempts',
  deadLetterTopic: 'troupe.dead_letter.topic',
} as const

/** An event in the hands of a service. The saga is what the conventions call a conversation. */
export function ofHeard(
  { record, delivery }: Heard,
  {
    topic,
    service,
    consumerGroup,
  }: { readonly topic: string; readonly service: string; readonly consumerGroup: string },
): Attributes {
  const partition = String(record.partition)
  const offset = Number(record.offset)
  if (!delivery) {
    return {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': partition,
      'messaging.kafka.offset': offset,
      'messaging.kafka.message.tombstone': record.value === null,
      'messaging.message.body.size': record.value?.length ?? 0,
      'messaging.consumer.group.name': consumerGroup,
      'troupe.service': service,
    }
  }
  const { event, bound } = delivery
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': partition,
    'messaging.kafka.offset': offset,
    'messaging.kafka.message.key': event.key,
    'messaging.message.body.size': record.value?.length ?? 0,
    'messaging.message.id': event.id,
    'messaging.message.conversation_id': event.correlationId,
    'messaging.consumer.group.name': consumerGroup,
    'troupe.service': service,
    'troupe.reaction': bound.name,
    'troupe.saga': event.correlationId,
    'troupe.event.type': event.type,
    'troupe.event.id': event.id,
  }
}

/** An event that is emitted. */
export function ofEmitted(
  { id, type, key, correlationId }: Emitted,
  { topic, service }: { readonly topic: string; readonly service: string },
): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'create',
    'messaging.operation.type': 'create',
    'messaging.destination.name': topic,
    'messaging.kafka.message.key': key,
    'messaging.message.id': id,
    'messaging.message.conversation_id': correlationId,
    'troupe.service': service,
    'troupe.saga': correlationId,
    'troupe.event.type': type,
    'troupe.event.id': id,
  }
}

/** One transaction for many events. */
export function ofBatch(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  {
    service,
    consumerGroup,
    count,
  }: { readonly service: string; readonly consumerGroup: string; readonly count: number },
): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'batch',
    'messaging.operation.type': 'process',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'messaging.batch.message_count': count,
    'messaging.consumer.group.name': consumerGroup,
    'troupe.service': service,
  }
}

/** One transaction for many commands. */
export function ofCommands(service: string, count: number): Attributes {
  return { 'troupe.service': service, 'troupe.batch.command_count': count }
}

/** One request to Kafka. */
export function ofSending(topic: string, service: string, count: number): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
    'messaging.batch.message_count': count,
    'troupe.service': service,
  }
}

export function ofCommand(command: string, service: string): Attributes {
  return { 'troupe.service': service, 'troupe.command': command }
}

/** One attempt at a call to the outside, counted from 1. */
export function ofPerform(reaction: string, service: string, attempt: number): Attributes {
  return { 'troupe.service': service, 'troupe.reaction': reaction, 'troupe.attempt': attempt }
}

export function ofRequest(
  { method, url, protocol }: { readonly method: string; readonly url: string; readonly protocol: string },
  route: string | undefined,
  service: string,
): Attributes {
  return {
    'http.request.method': method,
    'url.path': url.split('?', 1)[0] ?? '',
    'url.scheme': protocol,
    'troupe.service': service,
    ...(route === undefined ? {} : { 'http.route': route }),
  }
}
