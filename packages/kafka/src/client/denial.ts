import { TroupeError } from '@troupe/core'
import type { KafkaConnection, KafkaSettings } from './client.ts'
import { problemOf } from './kafka-error.ts'

/** What was being done, in the words of Kafka's access control lists. Names are Kafka's, namespace included. */
export interface Attempt {
  readonly operation: 'Read' | 'Write' | 'Create' | 'Describe' | 'Alter' | 'DescribeConfigs' | 'AlterConfigs'
  readonly topics?: readonly string[]
  readonly group?: string
}

/** Kafka's own names of errors. Source: Kafka protocol guide, error codes. */
const resources: Readonly<Record<string, 'topic' | 'group' | 'cluster'>> = {
  TOPIC_AUTHORIZATION_FAILED: 'topic',
  GROUP_AUTHORIZATION_FAILED: 'group',
  CLUSTER_AUTHORIZATION_FAILED: 'cluster',
}

const credentialTypes = new Set([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
])

/**
 * `TROUPE_ACCESS_DENIED` that names the right, what it is on and who lacks it, if that is what the broker
 * said; undefined for any other error.
 */
export function denialOf(
  error: unknown,
  { settings }: Pick<KafkaConnection, 'settings'>,
  { operation, topics = [], group }: Attempt,
): TroupeError | undefined {
  const { type, name, message } = problemOf(error)
  const user = settings.sasl?.username
  const at = `Kafka at ${settings.brokers.join(', ')}`
  if (name === 'KafkaJSSASLAuthenticationError' || (type !== undefined && credentialTypes.has(type))) {
    return new TroupeError(
      'TROUPE_ACCESS_DENIED',
      `${at} does not let ${whoIs(settings)} in: ${message}. Check the user name, the password and the mechanism${settings.sasl ? ` (${settings.sasl.mechanism})` : ''}.`,
      { cause: error, details: { brokers: settings.brokers, user, type } },
    )
  }
  const kind = type === undefined ? undefined : resources[type]
  if (kind === undefined) return undefined
  const on = { topic: namesOf('topic', topics), group: namesOf('group', group ? [group] : []), cluster: [] }[
    kind
  ]
  const right = kind === 'group' ? 'Read' : operation
  const where = on.length === 0 ? `the ${kind}` : on.join(', ')
  const principal = user === undefined ? '<principal>' : `User:${user}`
  const target = on.length === 0 ? '--cluster' : on.map((one) => `--${one}`).join(' ')
  return new TroupeError(
    'TROUPE_ACCESS_DENIED',
    `${at} denies ${whoIs(settings)} the right ${right} on ${where} (${type}). Grant it: kafka-acls.sh --add --allow-principal ${principal} --operation ${right} ${target}`,
    { cause: error, details: { brokers: settings.brokers, user, right, topics, group, type } },
  )
}

function namesOf(kind: 'topic' | 'group', names: readonly string[]): readonly string[] {
  return names.map((name) => `${kind} ${name}`)
}

function whoIs({ sasl, ssl }: KafkaSettings): string {
  if (sasl) return `the user ${sasl.username}`
  if (typeof ssl === 'object' && ssl.cert !== undefined) return 'the owner of the client certificate'
  return 'this client, which gives no user name,'
}

/** What Node's TLS says of a certificate that it does not trust. */
const distrust =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/

/** What to do about TLS, and about a listener that may want it, if an error is about that. */
export function tlsAdviceOn(error: unknown): string | undefined {
  const { name, message } = problemOf(error)
  if (distrust.test(name) || /self-signed certificate|unable to (verify|get)|altnames/i.test(message)) {
    return 'The certificate is not trusted here: give the certificate of the authority that signed it (KAFKA_TLS_CA_FILE), and an address that the certificate is for.'
  }
  if (/wrong version number|packet length too long|EPROTO/i.test(`${name} ${message}`)) {
    return 'What listens there does not speak TLS: give the address of a TLS listener, or switch TLS off.'
  }
  if (/^Closed connection/i.test(message)) {
    return 'It hangs up on this client: the listener may ask for TLS (KAFKA_TLS), or for a user name and a password (KAFKA_SASL_…).'
  }
  if (/certificate required|bad certificate|handshake failure|unknown ca/i.test(message)) {
    return 'The broker wants a client certificate that it trusts: give one, with its key (KAFKA_TLS_CERT_FILE, KAFKA_TLS_KEY_FILE).'
  }
  return undefined
}
