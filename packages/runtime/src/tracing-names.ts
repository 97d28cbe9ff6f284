/**
 * The names of everything that spans say: OpenTelemetry's semantic conventions 1.45 for messaging and HTTP,
 * and `troupe.*` for what they do not know. The only place that spells them.
 */
export const attributes = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  topic: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  offset: 'messaging.kafka.offset',
  key: 'messaging.kafka.message.key',
  tombstone: 'messaging.kafka.message.tombstone',
  bodyBytes: 'messaging.message.body.size',
  consumerGroup: 'messaging.consumer.group.name',
  messageId: 'messaging.message.id',
  /** The saga: what the conventions call a conversation, others call a correlation id. */
  conversationId: 'messaging.message.conversation_id',
  batchCount: 'messaging.batch.message_count',
  errorType: 'error.type',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  urlPath: 'url.path',
  urlScheme: 'url.scheme',

  service: 'troupe.service',
  reaction: 'troupe.reaction',
  command: 'troupe.command',
  saga: 'troupe.saga',
  eventType: 'troupe.event.type',
  eventId: 'troupe.event.id',
  outcome: 'troupe.outcome',
  attempt: 'troupe.attempt',
  attempts: 'troupe.attempts',
  deadLetterTopic: 'troupe.dead_letter.topic',
  commandCount: 'troupe.batch.command_count',
} as const
