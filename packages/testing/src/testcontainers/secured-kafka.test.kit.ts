// Apache Kafka as it is run where it matters: TLS, user names and passwords, and nobody may do anything unless
// it was granted.
import { connectKafka, type KafkaCredentials, type KafkaSettings } from '@troupe/kafka'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'

const image = 'apache/kafka:4.2.1'
const clientPort = 9093
const keysPassword = 'keys-secret'

/** Users that Kafka knows by PLAIN; `order` by SCRAM as well. The administrator may do everything. */
export const users = {
  admin: 'admin-secret',
  order: 'order-secret',
  guest: 'guest-secret',
} as const

export type User = keyof typeof users

export interface SecuredKafka {
  readonly address: string
  /** What its certificate was signed by, in PEM. */
  readonly authority: string
  settings(user: User, mechanism?: KafkaCredentials['mechanism']): KafkaSettings
  /** What `kafka-acls.sh --add --allow-principal User:… --operation … --topic …` does. */
  grant(
    user: User,
    rights: readonly (keyof typeof AclOperationTypes)[],
    on: { readonly topic: string } | { readonly group: string },
  ): Promise<void>
  stop(): Promise<void>
}

export async function startSecuredKafka(): Promise<SecuredKafka> {
  // The certificate is for this address, wherever the container is.
  const front = await startFront()
  const address = `127.0.0.1:${front.port}`
  const container = await containerFor(address).catch((error: unknown) => {
    front.close()
    throw error
  })
  front.passTo(container.getHost(), container.getMappedPort(clientPort))
  const { output: authority } = await container.exec(['cat', '/tmp/certificate.pem'])
  const settings: SecuredKafka['settings'] = (user, mechanism = 'plain') => ({
    clientId: 'test',
    brokers: [address],
    ssl: { ca: authority },
    sasl: { mechanism, username: user, password: users[user] },
  })
  return {
    address,
    authority,
    settings,
    async grant(user, rights, on) {
      const [type, name] =
        'topic' in on ? [AclResourceTypes.TOPIC, on.topic] : [AclResourceTypes.GROUP, on.group]
      const client = connectKafka(settings('admin'), silent).open()
      const admin = client.kafka.admin()
      await admin.connect()
      const acl = rights.map((right) => ({
        resourceType: type,
        resourceName: name,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${user}`,
        host: '*',
        operation: AclOperationTypes[right],
        permissionType: AclPermissionTypes.ALLOW,
      }))
      await admin.createAcls({ acl })
      // The broker hears of it a while after the controller has it.
      for (const one of acl)
        while ((await admin.describeAcls(one)).resources.length === 0)
          await new Promise((resolve) => setTimeout(resolve, 20))
      await admin.disconnect()
      client.destroy()
    },
    async stop() {
      await container.stop({ timeout: 0 })
      front.close()
    },
  }
}

export const silent = { debug() {}, info() {}, warn() {}, error() {} }

const tools = '/opt/kafka/bin'
const makeKeys = [
  `keytool -genkeypair -alias kafka -keyalg EC -dname CN=kafka -ext san=ip:127.0.0.1 -validity 30`,
  `-storetype PKCS12 -keystore /tmp/keys.p12 -storepass ${keysPassword} >/dev/null 2>&1`,
].join(' ')
const showCertificate = `keytool -exportcert -rfc -alias kafka -keystore /tmp/keys.p12 -storepass ${keysPassword} > /tmp/certificate.pem`

async function containerFor(address: string): Promise<StartedTestContainer> {
  const plain = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  const container = await new GenericContainer(image)
    .withExposedPorts(clientPort)
    .withEntrypoint(['sh', '-c'])
    .withCommand([`${makeKeys} && ${showCertificate} && exec /etc/kafka/docker/run`])
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENERS: `CLIENT://:${clientPort},BROKER://:9092,CONTROLLER://:9094`,
      KAFKA_ADVERTISED_LISTENERS: `CLIENT://${address},BROKER://localhost:9092`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CLIENT:SASL_SSL,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_INTER_BROKER_LISTENER_NAME: 'BROKER',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9094',
      KAFKA_LOG_DIRS: '/tmp/kafka-logs',
      KAFKA_HEAP_OPTS: '-Xms256M -Xmx512M',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '1',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_SSL_KEYSTORE_TYPE: 'PKCS12',
      KAFKA_SSL_KEYSTORE_LOCATION: '/tmp/keys.p12',
      KAFKA_SSL_KEYSTORE_PASSWORD: keysPassword,
      KAFKA_SSL_KEY_PASSWORD: keysPassword,
      KAFKA_SASL_ENABLED_MECHANISMS: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      KAFKA_LISTENER_NAME_CLIENT_PLAIN_SASL_JAAS_CONFIG: `org.apache.kafka.common.security.plain.PlainLoginModule required ${plain.join(' ')};`,
      KAFKA_LISTENER_NAME_CLIENT_SCRAM___SHA___256_SASL_JAAS_CONFIG: scram,
      KAFKA_LISTENER_NAME_CLIENT_SCRAM___SHA___512_SASL_JAAS_CONFIG: scram,
      KAFKA_AUTHORIZER_CLASS_NAME: 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      // The broker itself, and its tools inside of the container, give no name.
      KAFKA_SUPER_USERS: 'User:ANONYMOUS;User:admin',
    })
    .withWaitStrategy(Wait.forLogMessage('Kafka Server started'))
    .withStartupTimeout(180_000)
    .start()
  // Kafka does not alter one user twice in a request.
  await Promise.all([256, 512].map((bits) => addScram(container, bits)))
  return container
}

async function addScram(container: StartedTestContainer, bits: number): Promise<void> {
  const command = `${tools}/kafka-configs.sh --bootstrap-server localhost:9092 --alter --entity-type users --entity-name order`
  const credentials = `SCRAM-SHA-${bits}=[password=${users.order}]`
  const { exitCode, output } = await container.exec([...command.split(' '), '--add-config', credentials])
  if (exitCode !== 0) throw new Error(output)
}

const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'

/** Listens before it is known where to. */
async function startFront() {
  const sockets = new Set<Socket>()
  let target: { readonly host: string; readonly port: number } | undefined
  const server = createServer((client) => {
    if (!target) return void client.destroy()
    const broker = connect(target)
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
    client.pipe(broker)
    broker.pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    passTo(host: string, port: number) {
      target = { host, port }
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
