import { describe, expect, it } from '@jest/globals'
import { authority, client, server, withFiles } from '../kits/certificates.test.kit.ts'
import { environment } from './environment.ts'

const good = {
  KAFKA_BROKERS: 'kafka:9093',
  SCHEMA_REGISTRY_URL: 'https://registry:8081',
  DATABASE_URL: 'postgres://order:secret@database:5432/order',
}

const files = {
  'ca.pem': authority,
  'client.pem': client.cert,
  'client.key': client.key,
  'server.key': server.key,
  'password.txt': 'hunter2\n',
  'empty.txt': '\n',
  'broken.pem': '-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n',
}

/** Values that are names of files become their paths. */
function read(variables: Readonly<Record<string, string>>) {
  return withFiles(files, (pathOf) =>
    environment({
      ...good,
      ...Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [name, value in files ? pathOf(value) : value]),
      ),
    }),
  )
}

describe('settings of who this process is and whom it trusts', () => {
  it('are read from variables and files', () => {
    expect(
      read({
        KAFKA_TLS: '1',
        KAFKA_TLS_CA_FILE: 'ca.pem',
        KAFKA_TLS_CERT_FILE: 'client.pem',
        KAFKA_TLS_KEY_FILE: 'client.key',
        KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
        KAFKA_SASL_USERNAME: 'order',
        KAFKA_SASL_PASSWORD_FILE: 'password.txt',
        SCHEMA_REGISTRY_USERNAME: 'order',
        SCHEMA_REGISTRY_PASSWORD: ' with spaces ',
        SCHEMA_REGISTRY_CA_FILE: 'ca.pem',
        DATABASE_CA_FILE: 'ca.pem',
      }),
    ).toMatchObject({
      settings: {
        kafkaTls: { ca: authority, ...client },
        kafkaSasl: { mechanism: 'scram-sha-512', username: 'order', password: 'hunter2' },
        registryAuth: { username: 'order', password: ' with spaces ' },
        registryCa: authority,
        databaseCa: authority,
      },
    })
  })

  it('may be TLS alone, with the authorities that Node knows', () => {
    expect(read({ KAFKA_TLS: '1' })).toMatchObject({ settings: { kafkaTls: {}, kafkaSasl: undefined } })
    expect(read({})).toMatchObject({ settings: { kafkaTls: undefined } })
  })

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['a switch that is neither', { KAFKA_TLS: 'yes' }, /^KAFKA_TLS: "yes" is neither 0 nor 1/],
    ['a file without the switch', { KAFKA_TLS_CA_FILE: 'ca.pem' }, /^KAFKA_TLS_CA_FILE: KAFKA_TLS is not 1/],
    [
      'a file that is not there',
      { KAFKA_TLS: '1', KAFKA_TLS_CA_FILE: '/nowhere/ca.pem' },
      /^KAFKA_TLS_CA_FILE: \/nowhere\/ca.pem cannot be read: ENOENT/,
    ],
    ['a folder', { DATABASE_CA_FILE: '/' }, /^DATABASE_CA_FILE: \/ cannot be read: EISDIR/],
    [
      'a file without a certificate',
      { SCHEMA_REGISTRY_CA_FILE: 'client.key' },
      /^SCHEMA_REGISTRY_CA_FILE: .*client.key holds no certificate in PEM: there is none in it/,
    ],
    [
      'a certificate that is broken',
      { DATABASE_CA_FILE: 'broken.pem' },
      /^DATABASE_CA_FILE: .*broken.pem holds no certificate in PEM/,
    ],
    [
      'a certificate without its key',
      { KAFKA_TLS: '1', KAFKA_TLS_CERT_FILE: 'client.pem' },
      /^KAFKA_TLS_KEY_FILE is missing: KAFKA_TLS_CERT_FILE needs it/,
    ],
    [
      'a key without its certificate',
      { KAFKA_TLS: '1', KAFKA_TLS_KEY_FILE: 'client.key' },
      /^KAFKA_TLS_CERT_FILE is missing: KAFKA_TLS_KEY_FILE needs it/,
    ],
    [
      'the key of another certificate',
      { KAFKA_TLS: '1', KAFKA_TLS_CERT_FILE: 'client.pem', KAFKA_TLS_KEY_FILE: 'server.key' },
      /^KAFKA_TLS_KEY_FILE: not the key, without a passphrase, of KAFKA_TLS_CERT_FILE/,
    ],
    [
      'a user without a password',
      { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'order' },
      /^KAFKA_SASL_PASSWORD is missing: KAFKA_SASL_USERNAME needs it, or KAFKA_SASL_PASSWORD_FILE/,
    ],
    [
      'a password without a user',
      { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_PASSWORD: 'hunter2' },
      /^KAFKA_SASL_USERNAME is missing: KAFKA_SASL_PASSWORD needs it/,
    ],
    [
      'a mechanism without a user',
      { KAFKA_SASL_MECHANISM: 'plain' },
      /^KAFKA_SASL_USERNAME is missing: KAFKA_SASL_MECHANISM needs it/,
    ],
    [
      'a user without a mechanism',
      { KAFKA_SASL_USERNAME: 'order', KAFKA_SASL_PASSWORD: 'hunter2' },
      /^KAFKA_SASL_MECHANISM is missing: KAFKA_SASL_USERNAME needs it. Set it to plain, scram/,
    ],
    [
      'a mechanism that there is not',
      { KAFKA_SASL_MECHANISM: 'gssapi', KAFKA_SASL_USERNAME: 'order', KAFKA_SASL_PASSWORD: 'hunter2' },
      /^KAFKA_SASL_MECHANISM: "gssapi" is none of plain, scram-sha-256, scram-sha-512/,
    ],
    [
      'a password that is given twice',
      {
        SCHEMA_REGISTRY_USERNAME: 'order',
        SCHEMA_REGISTRY_PASSWORD: 'hunter2',
        SCHEMA_REGISTRY_PASSWORD_FILE: 'password.txt',
      },
      /^SCHEMA_REGISTRY_PASSWORD_FILE: SCHEMA_REGISTRY_PASSWORD is given too/,
    ],
    [
      'a password file that is empty',
      { SCHEMA_REGISTRY_USERNAME: 'order', SCHEMA_REGISTRY_PASSWORD_FILE: 'empty.txt' },
      /^SCHEMA_REGISTRY_PASSWORD_FILE: the file is empty/,
    ],
    [
      'an authority for a registry without TLS',
      { SCHEMA_REGISTRY_URL: 'http://registry:8081', SCHEMA_REGISTRY_CA_FILE: 'ca.pem' },
      /^SCHEMA_REGISTRY_CA_FILE: SCHEMA_REGISTRY_URL is without TLS/,
    ],
  ])('refuse %s by name, and repeat no secret', (_what, variables, message) => {
    const answer = read(variables)
    if (!('problems' in answer)) throw new Error('It was taken.')
    expect(answer.problems).toEqual([expect.stringMatching(message)])
    expect(answer.problems.join()).not.toMatch(/hunter2|PRIVATE KEY/)
  })

  it('are told about together with all others that are wrong', () => {
    const answer = read({ KAFKA_BROKERS: 'kafka', KAFKA_TLS: 'yes', DATABASE_CA_FILE: '/nowhere' })
    expect(answer).toMatchObject({
      problems: [
        expect.stringMatching(/^KAFKA_BROKERS/),
        expect.stringMatching(/^KAFKA_TLS/),
        expect.stringMatching(/^DATABASE_CA_FILE/),
      ],
    })
  })
})
