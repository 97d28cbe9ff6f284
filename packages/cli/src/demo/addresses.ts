import { orderOf } from '../stories/orders.ts'
import type { Running } from './demo.ts'

/** Where everything listens. */
export interface DemoAddresses {
  /** `host:port` of the broker. */
  readonly kafka: string
  readonly registry: string
  /** By service; without the password unless passwords were asked for. */
  readonly databases: Readonly<Record<string, string>>
  /** Payment's gateway. */
  readonly gateway?: string
  /** By service. */
  readonly services: Readonly<
    Record<
      string,
      { readonly url: string; readonly ready: string; readonly admin: string; readonly pid: number }
    >
  >
  /** What the admin APIs ask for: as good as a key to the services, for as long as this demo lasts. */
  readonly adminToken: string
}

export function addressesOf({
  ecosystem,
  adminToken,
  options,
}: Pick<Running, 'ecosystem' | 'adminToken' | 'options'>): DemoAddresses {
  const { stack, services, databaseUrls } = ecosystem
  return {
    kafka: stack.kafka.address,
    registry: stack.registry.url,
    databases: Object.fromEntries(
      [...databaseUrls].map(([name, url]) => [name, options.showPasswords ? url : withoutPassword(url)]),
    ),
    ...(ecosystem.gateway?.url === undefined ? {} : { gateway: ecosystem.gateway.url }),
    services: Object.fromEntries(
      [...services].map(([name, { url = '', adminUrl: admin = '', pid = 0 }]) => [
        name,
        { url, ready: `${url}/readyz`, admin, pid },
      ]),
    ),
    adminToken,
  }
}

/** The addresses for people, and how to place an order. */
export function addressLines(running: Running): string {
  const { terminal, options } = running
  const { colors } = terminal
  const { kafka, registry, databases, gateway = '', services, adminToken } = addressesOf(running)
  const row = (name: string, ...texts: readonly string[]) =>
    `  ${name.padEnd(12)}${texts.map((text, at) => (at === 0 ? text : colors.dim(text))).join('  ')}`
  const passwords = options.showPasswords
    ? 'psql takes these as they are'
    : '--show-passwords prints them with their passwords'
  return [
    '',
    `${colors.bold('Everything stays up until Ctrl-C.')} ${colors.dim('Look on with any client:')}`,
    row(
      'Kafka',
      kafka,
      `topics ${Object.keys(services)
        .map((name) => `${name}.events`)
        .join(', ')}`,
    ),
    row('registry', registry, `${registry}/subjects`),
    ...Object.entries(services).map(([name, { ready, pid, admin }]) =>
      row(name, ready, `process ${pid}`, `admin ${admin}`),
    ),
    row('gateway', gateway, 'somebody else’s in the story; PUT /behaviour {"is":"failing"}'),
    row('PostgreSQL', colors.dim(`a database and a role for each service; ${passwords}`)),
    ...Object.values(databases).map((url) => row('', url)),
    '',
    `${colors.bold('Place an order')} ${colors.dim('and watch it here. Try tok_declined, the sku sold-out, the country AQ:')}`,
    curlLine(services['order']?.url ?? ''),
    '',
    `${colors.bold('See what a service has set aside')} ${colors.dim('with troupe dlq and troupe parked, at its admin API:')}`,
    `TROUPE_ADMIN_TOKEN=${adminToken} npx -y pnpm@10.34.9 troupe dlq groups --admin ${services['order']?.admin ?? ''}`,
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
