// Who this process is to its dependencies, and how it knows theirs: user names, passwords, certificates.
// What is read from a file is read once, at the start. No value is ever repeated in a problem.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { messageOf } from '@troupe/core'
import type { KafkaCredentials } from '@troupe/kafka'

/** Certificates and keys in PEM. */
export interface KafkaTls {
  /** Of the authorities that may have signed the brokers'. Undefined: those that Node knows. */
  readonly ca?: string
  /** Of this client, for brokers that ask for one. */
  readonly cert?: string
  readonly key?: string
}

/** Undefined: without. */
export interface SecureSettings {
  readonly kafkaTls?: KafkaTls | undefined
  readonly kafkaSasl?: KafkaCredentials | undefined
  /** Wins over what the registry's URL says. */
  readonly registryAuth?: { readonly username: string; readonly password: string } | undefined
  /** PEM of the authorities that may have signed the registry's certificate. */
  readonly registryCa?: string | undefined
  /** PEM of the authorities that may have signed the database's certificate; with it, nothing but TLS is used. */
  readonly databaseCa?: string | undefined
}

/** Every variable that is read here, and what its value is. */
export const secureVariables = {
  KAFKA_TLS: 'switch',
  KAFKA_TLS_CA_FILE: 'file',
  KAFKA_TLS_CERT_FILE: 'file',
  KAFKA_TLS_KEY_FILE: 'file',
  KAFKA_SASL_MECHANISM: 'text',
  KAFKA_SASL_USERNAME: 'text',
  KAFKA_SASL_PASSWORD: 'secret',
  KAFKA_SASL_PASSWORD_FILE: 'file',
  SCHEMA_REGISTRY_USERNAME: 'text',
  SCHEMA_REGISTRY_PASSWORD: 'secret',
  SCHEMA_REGISTRY_PASSWORD_FILE: 'file',
  SCHEMA_REGISTRY_CA_FILE: 'file',
  DATABASE_CA_FILE: 'file',
} as const

type Name = keyof typeof secureVariables
type FileName = { [Each in Name]: (typeof secureVariables)[Each] extends 'file' ? Each : never }[Name]
type Prefix = 'KAFKA_SASL' | 'SCHEMA_REGISTRY'
type Given = Readonly<Partial<Record<Name | 'SCHEMA_REGISTRY_URL', string | undefined>>>

const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
const secretBytesMax = 65_536

/** Settings, with what is wrong with them, each problem beginning with the name of its variable. */
export function secureSettings(given: Given): {
  readonly settings: SecureSettings
  readonly problems: readonly string[]
} {
  const problems: string[] = []
  const kafkaTls = readKafkaTls(given, problems)
  const kafkaSasl = readKafkaSasl(given, problems)
  const registryAuth = readPair(given, 'SCHEMA_REGISTRY', problems)
  const registryCa = readCertificates(given, 'SCHEMA_REGISTRY_CA_FILE', problems)
  if (registryCa !== undefined && !/^https:/i.test(given.SCHEMA_REGISTRY_URL ?? 'https:')) {
    problems.push(
      'SCHEMA_REGISTRY_CA_FILE: SCHEMA_REGISTRY_URL is without TLS. Make it https://, or leave this out',
    )
  }
  const databaseCa = readCertificates(given, 'DATABASE_CA_FILE', problems)
  return { settings: { kafkaTls, kafkaSasl, registryAuth, registryCa, databaseCa }, problems }
}

const kafkaTlsFiles = ['KAFKA_TLS_CA_FILE', 'KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE'] as const

function readKafkaTls(given: Given, problems: string[]): KafkaTls | undefined {
  const isOn = given.KAFKA_TLS ?? '0'
  if (isOn !== '0' && isOn !== '1') problems.push(`KAFKA_TLS: "${isOn}" is neither 0 nor 1`)
  const files = kafkaTlsFiles.filter((name) => given[name] !== undefined)
  if (isOn !== '1') {
    for (const name of files)
      problems.push(
        `${name}: KAFKA_TLS is not 1, so this would not be used. Set KAFKA_TLS=1, or leave this out`,
      )
    return undefined
  }
  const ca = readCertificates(given, 'KAFKA_TLS_CA_FILE', problems)
  const cert = readCertificates(given, 'KAFKA_TLS_CERT_FILE', problems)
  const key = readFile(given, 'KAFKA_TLS_KEY_FILE', problems)
  for (const [name, other] of [
    ['KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE'],
    ['KAFKA_TLS_KEY_FILE', 'KAFKA_TLS_CERT_FILE'],
  ] as const) {
    if (files.includes(name) && !files.includes(other)) problems.push(`${other} is missing: ${name} needs it`)
  }
  if (cert !== undefined && key !== undefined) {
    const flaw = flawOf({ cert, key })
    if (flaw !== undefined)
      problems.push(`KAFKA_TLS_KEY_FILE: not the key, without a passphrase, of KAFKA_TLS_CERT_FILE: ${flaw}`)
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert !== undefined && key !== undefined ? { cert, key } : {}),
  }
}

function readKafkaSasl(given: Given, problems: string[]): KafkaCredentials | undefined {
  const text = given.KAFKA_SASL_MECHANISM
  const pair = readPair(given, 'KAFKA_SASL', problems)
  if (text === undefined) {
    const one = (['KAFKA_SASL_USERNAME', ...passwordNames('KAFKA_SASL')] as const).find(
      (name) => given[name] !== undefined,
    )
    if (one !== undefined)
      problems.push(`KAFKA_SASL_MECHANISM is missing: ${one} needs it. Set it to ${mechanisms.join(', ')}`)
    return undefined
  }
  const mechanism = mechanisms.find((one) => one === text.toLowerCase())
  if (!mechanism) problems.push(`KAFKA_SASL_MECHANISM: "${text}" is none of ${mechanisms.join(', ')}`)
  if (!pair && !problems.some((problem) => problem.startsWith('KAFKA_SASL_')))
    problems.push('KAFKA_SASL_USERNAME is missing: KAFKA_SASL_MECHANISM needs it')
  return mechanism && pair && { mechanism, ...pair }
}

function passwordNames<Of extends Prefix>(prefix: Of): readonly [`${Of}_PASSWORD`, `${Of}_PASSWORD_FILE`] {
  return [`${prefix}_PASSWORD`, `${prefix}_PASSWORD_FILE`]
}

/** A user name and its password, which may be in a file; undefined without either. */
function readPair(
  given: Given,
  prefix: Prefix,
  problems: string[],
): { readonly username: string; readonly password: string } | undefined {
  const userName = `${prefix}_USERNAME` as const
  const [plain, file] = passwordNames(prefix)
  const username = given[userName]
  const where = [plain, file].filter((name) => given[name] !== undefined)
  if (where.length === 2) problems.push(`${file}: ${plain} is given too. Leave one of them out`)
  if (username === undefined && where.length > 0)
    problems.push(`${userName} is missing: ${where[0]} needs it`)
  if (username !== undefined && where.length === 0)
    problems.push(`${plain} is missing: ${userName} needs it, or ${file}`)
  // An editor ends a file with a line break; no password does.
  const password = given[plain] ?? readFile(given, file, problems)?.replace(/\r?\n$/, '')
  if (username === undefined || password === undefined) return undefined
  if (password === '') problems.push(`${file}: the file is empty`)
  return { username, password }
}

function readCertificates(given: Given, name: FileName, problems: string[]): string | undefined {
  const pem = readFile(given, name, problems)
  if (pem === undefined) return undefined
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  try {
    const certificates = blocks.map((block) => new X509Certificate(block))
    if (certificates.length === 0) throw new Error('there is none in it')
    return pem
  } catch (error) {
    problems.push(`${name}: ${given[name]} holds no certificate in PEM: ${messageOf(error)}`)
    return undefined
  }
}

function readFile(given: Given, name: FileName, problems: string[]): string | undefined {
  const path = given[name]
  if (path === undefined) return undefined
  try {
    const bytes = readFileSync(path)
    if (bytes.length > secretBytesMax) throw new Error(`it has more than ${secretBytesMax} bytes`)
    return bytes.toString()
  } catch (error) {
    problems.push(`${name}: ${path} cannot be read: ${messageOf(error)}`)
    return undefined
  }
}

function flawOf(options: tls.SecureContextOptions): string | undefined {
  try {
    tls.createSecureContext(options)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}
