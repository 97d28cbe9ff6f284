import { messageOf, TroupeError } from '@troupe/core'
import { createDatabaseAt, dropDatabaseAt } from '@troupe/embedded'
import { connectKafka, type KafkaCredentials, ping } from '@troupe/kafka'
import type { KafkaTls } from '@troupe/runtime'
import { kafkaAccess } from './kafka-access.ts'
import { registryRequest } from './registry-request.ts'
import type { Stack } from './stack.ts'

/** Where a stack is that somebody else runs. */
export interface StackAddresses {
  /** `host:port`, several separated by commas. */
  readonly kafka: string
  readonly kafkaTls?: KafkaTls | undefined
  readonly kafkaSasl?: KafkaCredentials | undefined
  /** `http://user:password@host:port`, with the path of the Confluent API, if it is not the root. */
  readonly registry: string
  /** Of a role that may create roles and databases: `postgres://postgres:secret@host:5432/postgres`. */
  readonly postgres: string
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }
/** What has just started, on a machine that has much to do, takes its time over the first request. */
const kafkaPatienceMs = 20_000
const registryPatienceMs = 20_000

/** A stack at these addresses, unseen. */
export function stackAt({ kafka, kafkaTls, kafkaSasl, registry, postgres }: StackAddresses): Stack {
  return {
    kafka: { address: kafka, tls: kafkaTls, sasl: kafkaSasl },
    registry: { url: registry },
    postgres: {
      createDatabase: ({ name }) => makeDatabase(postgres, name),
      dropDatabase: ({ name }) => dropDatabaseAt(postgres, { name }),
    },
    stop: async () => {},
  }
}

/**
 * Connects to a stack that runs already, and sees that Kafka and the registry can be worked with; PostgreSQL
 * shows it with the first database.
 *
 * @throws TroupeError `TROUPE_KAFKA_UNREACHABLE` or `TROUPE_REGISTRY_UNREACHABLE`, saying which address does
 *   not answer, and why; `TROUPE_ACCESS_DENIED`, naming the user that Kafka does not let in
 */
export async function connectStack(addresses: StackAddresses): Promise<Stack> {
  const stack = stackAt(addresses)
  await Promise.all([
    ping(connectKafka({ clientId: 'troupe-harness', ...kafkaAccess(stack) }, silent), {
      timeoutMs: kafkaPatienceMs,
    }),
    checkRegistry(addresses.registry),
  ])
  return stack
}

async function checkRegistry(url: string): Promise<void> {
  const { status, problem } = await registryRequest(url, 'GET', '/subjects', registryPatienceMs)
  if (status === 200) return
  throw new TroupeError(
    'TROUPE_REGISTRY_UNREACHABLE',
    `The Schema Registry at ${withoutSecrets(url)} ${problem ?? `answers GET /subjects with status ${status}`}. Check that it runs there, and that the URL ends with the path of the Confluent API if that is not the root (/apis/ccompat/v7 for Apicurio).`,
  )
}

async function makeDatabase(adminUrl: string, name: string): Promise<string> {
  try {
    return await createDatabaseAt(adminUrl, { name })
  } catch (cause) {
    throw new TroupeError(
      'TROUPE_DATABASE_UNREACHABLE',
      `The database ${name} cannot be made at ${withoutSecrets(adminUrl)}: ${reasonOf(cause)}. Check that PostgreSQL runs there, and that the URL names a role that may create roles and databases.`,
      { cause },
    )
  }
}

/** pg says nothing but a code where no address of a name answers. */
function reasonOf(error: unknown): string {
  return messageOf(error) || String((error as { readonly code?: unknown }).code)
}

/** A URL for messages. */
export function withoutSecrets(text: string): string {
  if (!URL.canParse(text)) return 'an address that is no URL'
  const { protocol, host, pathname } = new URL(text)
  return `${protocol}//${host}${pathname}`
}
