// Settings that a program hands over itself: what `environment` reads is checked there, by the names of its variables.
import { checkedFields, fieldIs, type FieldChecks } from '@troupe/core'
import type { Settings } from './environment.ts'

const { text, secret, count, ifGiven, of } = fieldIs
const placeChecks = { host: text, port: count(0, 65_535) }

const checks: FieldChecks<Settings> = {
  kafkaBrokers: fieldIs.listOf(text, 'Give it a list of `host:port`.'),
  registryUrl: secret,
  namespace: ifGiven(text),
  databaseUrl: secret,
  http: ifGiven(of(placeChecks)),
  admin: ifGiven(of({ ...placeChecks, token: secret })),
  logLevel: fieldIs.oneOf('debug', 'info', 'warn', 'error', 'silent'),
  topics: ifGiven(fieldIs.oneOf('create', 'check')),
  topicPartitions: count(1),
  topicReplication: count(1),
  startTimeoutMs: count(),
  stopTimeoutMs: count(),
  eventBytesMax: count(1),
  unknownSchemaWaitMs: ifGiven(count()),
  retry: ifGiven(
    of({
      attempts: ifGiven(count(1)),
      delayMs: ifGiven(fieldIs.number),
      delayMsMax: ifGiven(fieldIs.number),
      delayScale: ifGiven(fieldIs.number),
    }),
  ),
  parkedEventsMax: ifGiven(count(1)),
  parkedBytesMax: ifGiven(count(1)),
  performTimeoutMs: count(1),
  transactTimeoutMs: ifGiven(count(1)),
  breaker: ifGiven(of({ failuresMax: count(1), pauseMs: count(), pauseMsMax: count() })),
  sessionTimeoutMs: count(1),
  onDataLoss: ifGiven(fieldIs.oneOf('halt', 'skip')),
  inboxRetentionHours: ifGiven(fieldIs.number),
  deadLetterRetentionHours: ifGiven(fieldIs.number),
  answerRetentionHours: ifGiven(fieldIs.number),
  checksPurity: ifGiven(fieldIs.switch),
  deadlinesMs: ifGiven(fieldIs.each(fieldIs.number, 'Use an object of milliseconds by event.')),
  isStoppedWithParent: fieldIs.switch,
  kafkaTls: ifGiven(of({ ca: ifGiven(secret), cert: ifGiven(secret), key: ifGiven(secret) })),
  kafkaSasl: ifGiven(
    of({
      mechanism: fieldIs.oneOf('plain', 'scram-sha-256', 'scram-sha-512'),
      username: text,
      password: secret,
    }),
  ),
  registryAuth: ifGiven(of({ username: text, password: secret })),
  registryCa: ifGiven(secret),
  databaseCa: ifGiven(secret),
}

/** The settings as a copy, each of a kind that it can be. */
export function settingsOf(given: Settings, by: string): Settings {
  return checkedFields(given, checks, `the settings object of \`${by}\``)
}
