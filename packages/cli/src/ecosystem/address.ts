import { TroupeError } from '@troupe/core'

/** Where to listen. Port 0 takes a free one. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Anywhere on this machine, and only there. */
export const anyAddress: Address = { host: '127.0.0.1', port: 0 }

/**
 * Reads `host:port`, `[v6]:port`, `:port` or `port`.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID`
 */
export function addressOf(text: string): Address {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)?:)?(\d{1,5})$/.exec(text.trim())
  const port = Number(match?.[2])
  if (!match || port > 65_535) {
    throw new TroupeError(
      'TROUPE_SETTING_INVALID',
      `"${text}" is not host:port, such as 127.0.0.1:9092. Port 0 takes a free one.`,
    )
  }
  return { host: (match[1] ?? anyAddress.host).replace(/^\[|\]$/g, ''), port }
}

/**
 * As {@link addressOf}, for Kafka: kafkajs takes no bare IPv6 address.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID`
 */
export function kafkaAddressOf(text: string): Address {
  const address = addressOf(text)
  if (!address.host.includes(':')) return address
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    `"${text}" is a bare IPv6 address, which Kafka clients cannot be told. Give an IPv4 address or a name.`,
  )
}

/** The address as text, as a client types it. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
