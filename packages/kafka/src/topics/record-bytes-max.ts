import type { KafkaConnection } from '../client/client.ts'
import { onWire } from '../client/namespace.ts'
import { settlesWithin } from '../client/settles-within.ts'
import { configOf } from './topic-facts.ts'

/**
 * How large a record may be, with the batch around it, for a topic to take it: `max.message.bytes`, its own
 * or its broker's. Undefined where the broker does not say.
 *
 * @throws TroupeError `TROUPE_ACCESS_DENIED` without the right to describe its configuration; whatever kafkajs throws
 */
export async function recordBytesMaxOf(
  connection: KafkaConnection,
  name: string,
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {},
): Promise<number | undefined> {
  const client = connection.open({ requestTimeoutMs: timeoutMs })
  const admin = client.kafka.admin()
  try {
    await admin.connect()
    const found = (await configOf(admin, onWire(connection, name), connection)).get('max.message.bytes')
    return found && Number(found.value)
  } finally {
    await settlesWithin(admin.disconnect(), 1_000)
    client.destroy()
  }
}
