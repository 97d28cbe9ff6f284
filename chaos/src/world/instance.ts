import { freePort } from '@troupe/embedded'
import { join } from 'node:path'
import type { ChildExit } from '../processes/child.ts'
import { createPart, type Part } from '../processes/part.ts'
import { namingPort } from '../proxy/kafka-addresses.ts'
import { type Proxy, startProxy } from '../proxy/proxy.ts'

export type LinkName = 'kafka' | 'registry' | 'database'

/** Of every instance. */
export const adminToken = 'the-token-of-a-chaos-run'

/** One process of a service, and its way to what it speaks to. */
export interface Instance {
  readonly name: string
  readonly service: string
  /** 1 for the first one of its service. */
  readonly number: number
  readonly part: Part
  readonly links: Readonly<Record<LinkName, Proxy>>
  /** Where its HTTP server listens while it runs. */
  readonly url: string
  /** Where its admin API does; {@link adminToken} opens it. */
  readonly adminUrl: string
  /** What the next start gets besides its settings, until it is told otherwise. */
  equip(equipment: Equipment): void
  close(): Promise<void>
}

export interface Equipment {
  /** For Node, before the module: `--import` and the like. */
  readonly nodeArguments?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export interface InstanceSettings {
  readonly name: string
  readonly service: string
  /** The module of its process. */
  readonly main: string
  /** The folder of the logs. */
  readonly logs: string
  readonly ports: Readonly<Record<LinkName, number>>
  /** Of the role of the service's name. */
  readonly password: string
  readonly gatewayUrl: string
  readonly partitions: number
  readonly sessionTimeoutMs: number
  readonly onEnd: (exit: ChildExit) => void
}

/** An instance that is not started; its proxies listen. */
export async function createInstance(settings: InstanceSettings): Promise<Instance> {
  const { name, service, main, logs, ports, password } = settings
  const [kafka, registry, database, httpPort, adminPort] = await Promise.all([
    startProxy({ target: ports.kafka, rewrite: (port) => namingPort(ports.kafka, port) }),
    startProxy({ target: ports.registry }),
    startProxy({ target: ports.database }),
    freePort(),
    freePort(),
  ])
  const links = { kafka, registry, database }
  let equipment: Equipment = {}
  const part = createPart({
    name,
    child: () => ({
      main,
      nodeArguments: equipment.nodeArguments ?? [],
      logFile: join(logs, `${name}.log`),
      environment: {
        KAFKA_BROKERS: `127.0.0.1:${kafka.port}`,
        SCHEMA_REGISTRY_URL: `http://127.0.0.1:${registry.port}`,
        DATABASE_URL: `postgresql://${service}:${password}@127.0.0.1:${database.port}/${service}`,
        HTTP_ADDRESS: `127.0.0.1:${httpPort}`,
        TROUPE_ADMIN_TOKEN: adminToken,
        TROUPE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`,
        GATEWAY_URL: settings.gatewayUrl,
        TROUPE_TOPIC_PARTITIONS: String(settings.partitions),
        TROUPE_SESSION_TIMEOUT_MS: String(settings.sessionTimeoutMs),
        TROUPE_STOP_WITH_PARENT: '1',
        ...equipment.environment,
      },
    }),
    onEnd: settings.onEnd,
  })
  return {
    name,
    service,
    number: Number(name.slice(name.lastIndexOf('-') + 1)),
    part,
    links,
    url: `http://127.0.0.1:${httpPort}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    equip(next) {
      equipment = next
    },
    async close() {
      await part.kill()
      await Promise.all(Object.values(links).map((link) => link.close()))
    },
  }
}
