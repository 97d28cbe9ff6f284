import { describe, expect, it } from '@jest/globals'
import { environment } from './environment.ts'

const good = {
  KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092',
  SCHEMA_REGISTRY_URL: 'http://registry:8081',
  DATABASE_URL: 'postgres://order:secret@database:5432/order',
}

function problemsOf(variables: Record<string, string | undefined>): readonly string[] {
  const read = environment({ ...good, ...variables })
  return 'problems' in read ? read.problems : []
}

describe('environment', () => {
  it('reads how long deadlines last, event by event', () => {
    const read = environment({ ...good, TROUPE_DEADLINES: 'ReservationOverdue=60000, OrderOverdue=0' })
    expect(read).toMatchObject({
      settings: { deadlinesMs: { ReservationOverdue: 60_000, OrderOverdue: 0 } },
    })
  })

  it('reads the three addresses and fills in the rest', () => {
    expect(environment(good)).toEqual({
      settings: {
        kafkaBrokers: ['kafka-1:9092', 'kafka-2:9092'],
        registryUrl: 'http://registry:8081',
        databaseUrl: 'postgres://order:secret@database:5432/order',
        http: { host: '127.0.0.1', port: 0 },
        logLevel: 'info',
        topics: 'create',
        transactTimeoutMs: 10_000,
        topicPartitions: 3,
        topicReplication: 1,
        startTimeoutMs: 60_000,
        stopTimeoutMs: 10_000,
        eventBytesMax: 900_000,
        unknownSchemaWaitMs: 30_000,
        retry: { attempts: 6, delayMs: 1_000, delayMsMax: 60_000, delayScale: 1 },
        parkedEventsMax: 100_000,
        parkedBytesMax: 268_435_456,
        performTimeoutMs: 30_000,
        breaker: { failuresMax: 5, pauseMs: 1_000, pauseMsMax: 10_000 },
        sessionTimeoutMs: 10_000,
        onDataLoss: 'halt',
        inboxRetentionHours: 720,
        deadLetterRetentionHours: 2160,
        answerRetentionHours: 720,
        checksPurity: false,
        isStoppedWithParent: false,
      },
    })
  })

  it('refuses a name that is nearly a setting, and says which', () => {
    expect(problemsOf({ TROUPE_TOPIC_PARTITION: '6', TROUPE_LOGLEVEL: 'debug' })).toEqual([
      'TROUPE_TOPIC_PARTITION is no setting; TROUPE_TOPIC_PARTITIONS is meant, or take it away',
      'TROUPE_LOGLEVEL is no setting; TROUPE_LOG_LEVEL is meant, or take it away',
    ])
  })

  it("lets be what is nobody's misspelling: other tools, and what Kubernetes sets", () => {
    const others = {
      TROUPE_STACK: 'embedded',
      TROUPE_ORDER_SERVICE_HOST: '10.0.0.1',
      KAFKA_PORT: 'tcp://10.0.0.2:9092',
    }
    expect(problemsOf({ ...others, DATABASE_URI: 'x' })).toEqual([])
  })

  it('names every missing setting at once, each with an example', () => {
    expect(environment({})).toEqual({
      problems: [
        'KAFKA_BROKERS is missing. Set it, for example: KAFKA_BROKERS=127.0.0.1:9092',
        'SCHEMA_REGISTRY_URL is missing. Set it, for example: SCHEMA_REGISTRY_URL=http://127.0.0.1:8081',
        'DATABASE_URL is missing. Set it, for example: DATABASE_URL=postgres://order:secret@127.0.0.1:5432/order',
      ],
    })
  })

  it('takes an empty setting for a missing one', () => {
    expect(problemsOf({ KAFKA_BROKERS: '' })).toEqual([expect.stringMatching(/^KAFKA_BROKERS is missing/)])
  })

  it.each([
    ['KAFKA_BROKERS', 'kafka', /"kafka" is not host:port/],
    ['TROUPE_DEADLINES', '60000', /"60000" is not an event and its milliseconds/],
    ['TROUPE_DEADLINES', 'OrderOverdue=1m', /"OrderOverdue=1m" is not/],
    ['TROUPE_DEADLINES', 'A=1,,B=2', /"" is not an event/],
    ['TROUPE_DEADLINES', 'OrderOverdue=1=2', /is not an event and its milliseconds/],
    ['KAFKA_BROKERS', 'kafka:9092,', /"" is not host:port/],
    ['KAFKA_BROKERS', 'kafka:99999', /"kafka:99999" is not host:port/],
    ['KAFKA_BROKERS', 'http://kafka:9092', /is not host:port/],
    ['SCHEMA_REGISTRY_URL', 'registry:8081', /is not a URL with http:\/\/ or https:\/\//],
    ['SCHEMA_REGISTRY_URL', 'ftp://registry', /is not a URL with http:\/\/ or https:\/\//],
    ['DATABASE_URL', 'mysql://database/order', /is not a URL with postgres:\/\//],
    ['DATABASE_URL', 'order', /is not a URL with postgres:\/\//],
    ['TROUPE_NAMESPACE', 'Review_7', /"Review_7" is not up to 32 lower-case letters, digits and dashes/],
    ['HTTP_ADDRESS', '8080', /"8080" is not host:port/],
    ['TROUPE_LOG_LEVEL', 'loud', /TROUPE_LOG_LEVEL: "loud" is none of debug, info, warn, error, silent/],
    ['TROUPE_TOPICS', 'make', /TROUPE_TOPICS/],
    ['TROUPE_TOPIC_PARTITIONS', '0', /"0" is not a whole number from 1 to 1000/],
    ['TROUPE_TOPIC_PARTITIONS', '3.5', /"3.5" is not a whole number/],
    ['TROUPE_START_TIMEOUT_MS', '1e3', /"1e3" is not a whole number/],
    ['TROUPE_CHECK_PURITY', 'true', /TROUPE_CHECK_PURITY: "true" is none of 0, 1/],
    ['TROUPE_STOP_WITH_PARENT', 'yes', /TROUPE_STOP_WITH_PARENT/],
  ])('refuses %s=%s by name', (name, value, message) => {
    const problems = problemsOf({ [name]: value })
    expect(problems).toEqual([expect.stringMatching(message)])
    expect(problems[0]).toMatch(new RegExp(`^${name}`))
  })

  it('never repeats a database URL, which may hold a password', () => {
    expect(problemsOf({ DATABASE_URL: 'mysql://root:hunter2@database/order' }).join()).not.toContain(
      'hunter2',
    )
  })

  it('reads IPv6 addresses', () => {
    const read = environment({ ...good, KAFKA_BROKERS: '[::1]:9092', HTTP_ADDRESS: '[::1]:8080' })
    expect(read).toMatchObject({
      settings: { kafkaBrokers: ['[::1]:9092'], http: { host: '::1', port: 8080 } },
    })
  })
})
