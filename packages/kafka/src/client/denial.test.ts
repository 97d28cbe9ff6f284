import { describe, expect, it } from '@jest/globals'
import { KafkaJSProtocolError } from 'kafkajs'
import { connectKafka, type KafkaSettings } from './client.ts'
import { type Attempt, denialOf, tlsAdviceOn } from './denial.ts'
import { recordingLog } from '../kafka.test.kit.ts'

const sasl = { mechanism: 'scram-sha-512', username: 'order', password: 'hunter2' } as const

function said(type: string): Error {
  return new KafkaJSProtocolError(
    Object.assign(new Error(type), { type, code: 29, retriable: false }) as never,
  )
}

function denial(error: unknown, attempt: Attempt, settings: Partial<KafkaSettings> = { sasl }) {
  return denialOf(
    error,
    connectKafka({ clientId: 'x', brokers: ['kafka:9093'], ...settings }, recordingLog()),
    attempt,
  )
}

describe('a denial', () => {
  it.each<[string, Attempt, RegExp]>([
    [
      'TOPIC_AUTHORIZATION_FAILED',
      { operation: 'Write', topics: ['order.events'] },
      /kafka:9093 denies the user order the right Write on topic order\.events \(TOPIC_.*--allow-principal User:order --operation Write --topic order\.events$/,
    ],
    [
      'GROUP_AUTHORIZATION_FAILED',
      { operation: 'Read', topics: ['order.events'], group: 'payment' },
      /the right Read on group payment .*--operation Read --group payment$/,
    ],
    [
      'CLUSTER_AUTHORIZATION_FAILED',
      { operation: 'Create', topics: ['order.events'] },
      /the right Create on the cluster .*--operation Create --cluster$/,
    ],
  ])('by %s names the right, what it is on, who lacks it and how to grant it', (type, attempt, message) => {
    expect(denial(said(type), attempt)).toMatchObject({
      code: 'TROUPE_ACCESS_DENIED',
      message: expect.stringMatching(message),
      details: { user: 'order' },
    })
  })

  it('of the credentials names user and mechanism, and never the password', () => {
    const refused = Object.assign(new Error('SASL SCRAM failed'), { name: 'KafkaJSSASLAuthenticationError' })
    const error = denial(refused, { operation: 'Describe' })
    expect(error?.message).toMatch(/does not let the user order in: SASL SCRAM failed.*scram-sha-512/)
    expect(`${error?.stack}${JSON.stringify(error)}`).not.toContain('hunter2')
  })

  it('says who was denied where no user name was given', () => {
    const error = said('TOPIC_AUTHORIZATION_FAILED')
    const attempt = { operation: 'Read', topics: ['a'] } as const
    expect(denial(error, attempt, {})?.message).toContain('this client, which gives no user name,')
    expect(denial(error, attempt, { ssl: { cert: 'PEM' } })?.message).toContain('the client certificate')
  })

  it('is nothing else that Kafka may say', () => {
    expect(denial(said('NOT_LEADER_FOR_PARTITION'), { operation: 'Write' })).toBeUndefined()
    expect(denial(new Error('connect ECONNREFUSED'), { operation: 'Write' })).toBeUndefined()
  })
})

describe('a password that anybody on the way could read', () => {
  it.each([
    ['plain', undefined, ['warn']],
    ['plain', true, []],
    ['scram-sha-256', undefined, []],
  ] as const)('is warned of, and never shown (%s, TLS: %s)', (mechanism, ssl, levels) => {
    const log = recordingLog()
    const credentials = { mechanism, username: 'order', password: 'hunter2' }
    const settings = { clientId: 'x', brokers: ['kafka:9093'], sasl: credentials, ...(ssl ? { ssl } : {}) }
    connectKafka(settings, log)
    expect(log.lines.map(({ level }) => level)).toEqual(levels)
    expect(JSON.stringify(log.lines)).not.toContain('hunter2')
  })
})

describe('advice on TLS', () => {
  it.each([
    ['self-signed certificate in certificate chain', 'SELF_SIGNED_CERT_IN_CHAIN', /authority that signed it/],
    ["Hostname/IP does not match certificate's altnames", 'ERR_TLS_CERT_ALTNAME_INVALID', /authority/],
    ['write EPROTO … wrong version number', 'EPROTO', /does not speak TLS/],
    [
      'Closed connection',
      'KafkaJSConnectionClosedError',
      /hangs up .* TLS \(KAFKA_TLS\), or for a user name/,
    ],
    ['tlsv13 alert certificate required', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /client certificate/],
  ])('is given on "%s"', (message, code, advice) => {
    expect(tlsAdviceOn(Object.assign(new Error(message), { code }))).toMatch(advice)
  })

  it('is not given on anything else', () => {
    expect(tlsAdviceOn(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))).toBeUndefined()
  })
})
