import { TroupeError } from '@troupe/core'
import type { KafkaConnection } from './client.ts'

/**
 * Names as Kafka has them. Inside Troupe a topic is always called as the service that owns it calls it
 * (`order.events`); only where kafkajs is spoken to it gets the namespace in front
 * (`review-7.order.events`). Without a namespace both are the same.
 *
 * A namespace holds no dot, and neither does a service's name: no two pairs of them give the same.
 */
export function onWire({ settings: { namespace } }: KafkaConnection, name: string): string {
  return namespace === undefined ? name : `${namespace}.${name}`
}

/** Takes the namespace off a name that {@link onWire} made. */
export function offWire({ settings: { namespace } }: KafkaConnection, name: string): string {
  return namespace !== undefined && name.startsWith(`${namespace}.`) ? name.slice(namespace.length + 1) : name
}

/** @throws TroupeError `TROUPE_SETTING_INVALID` */
export function checkNamespace(namespace: string): void {
  if (/^[a-z][a-z0-9-]{0,31}$/.test(namespace)) return
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `"${namespace}" cannot be a namespace. Use up to 32 lower-case letters, digits and dashes, starting with a letter.`,
  )
}
