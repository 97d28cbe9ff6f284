import { orderOf } from '../stories/orders.ts'
import type { Running } from './demo.ts'

/** Where everything listens. */
export interface DemoAddresses {
  /** `host:port` of the broker. */
  readonly kafka: string
  readonly registry: string
  /** By service; without the password unless passwords were asked for. */
  readonly databases: Readonly<Record<string, string>>
  /** By service. */
  readonly services: Readonly<
    Record<string, { readonly url: string; readonly ready: string; readonly pid: number }>
  >
}

export function addressesOf({ ecosystem, options }: Pick<Running, 'ecosystem' | 'options'>): DemoAddresses {
  const { stack, services, databaseUrls } = ecosystem
  return {
    kafka: stack.kafka.address,
    registry: stack.registry.url,
    databases: Object.fromEntries(
      [...databaseUrls].map(([name, url]) => [name, options.showPasswords ? url : withoutPassword(url)]),
    ),
    services: Object.fromEntries(
      [...services].map(([name, { url = '', pid = 0 }]) => [name, { url, ready: `${url}/readyz`, pid }]),
    ),
  }
}

/** The addresses for people, and how to place an order. */
export function addressLines(running: Running): string {
  const { colors } = running.terminal
  const { kafka, registry, databases, services } = addressesOf(running)
  const row = (name: string, text: string, more = '') =>
    `  ${name.padEnd(12)}${text}${more && `  ${colors.dim(more)}`}`
  return [
    '',
    colors.bold('Everything stays up until Ctrl-C.'),
    row('Kafka', kafka),
    row('registry', registry, `${registry}/subjects`),
    ...Object.entries(services).map(([name, { ready, pid }]) => row(name, ready, `process ${pid}`)),
    ...Object.entries(databases).map(([name, url]) => row(`  psql ${name}`.trimStart(), url)),
    ...(running.options.showPasswords
      ? []
      : [colors.dim('  (--show-passwords prints database URLs that psql can use as they are)')]),
    '',
    `${colors.bold('Place an order')} ${colors.dim('and watch it being drawn here; change the card to tok_declined, the sku to sold-out, the country to AQ:')}`,
    curlLine(services['order']?.url ?? ''),
    '',
  ].join('\n')
}

/** A line for a shell that places an order. */
export function curlLine(orderUrl: string): string {
  const { currency: _currency, ...order } = orderOf('good')
  const body = JSON.stringify({ ...order, shipTo: { country: order.shipTo.country } })
  return `curl -i ${orderUrl}/orders -H 'content-type: application/json' -d '${body}'`
}

function withoutPassword(text: string): string {
  const url = new URL(text)
  url.password = ''
  return url.href
}
