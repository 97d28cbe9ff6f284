// The service processes of one ecosystem.
//
// Invariants
// 1. A service is started when its own database is there, without waiting for the others. Payment's gateway,
//    which is somebody else's in the story, is there before payment is.
// 2. Once `stop` was called nothing is started any more, whatever was under way.

import type { EmbeddedStack } from '@troupe/embedded'
import { TroupeError } from '@troupe/core'
import { join } from 'node:path'
import { addressText, anyAddress } from './address.ts'
import type { EcosystemOptions, EcosystemTimings } from './ecosystem.ts'
import { createServiceProcess, type ServiceProcess } from './service-process.ts'
import { paymentGateway, type ServiceSpec } from './service-main.ts'

/** For a service to finish what is under way; when its parent was killed, Kafka is gone and it waits in vain. */
const stopTimeoutMs = 5_000

export interface Company {
  readonly services: ReadonlyMap<string, ServiceProcess>
  readonly databaseUrls: ReadonlyMap<string, string>
  /** Undefined where payment is not among the services. */
  readonly gateway: ServiceProcess | undefined
  /** @throws what refused the first service that did not start */
  start(specs: readonly ServiceSpec[]): Promise<void>
  /** @throws TroupeError `TROUPE_SERVICE_NOT_FOUND` */
  get(name: string): ServiceProcess
  timings(): Pick<EcosystemTimings, 'databaseMs' | 'serviceMs'>
  stop(): Promise<void>
}

/** @param onDeath told when a service ends although nobody stopped it */
export function createCompany(
  stack: EmbeddedStack,
  options: EcosystemOptions,
  onDeath: (error: Error) => void,
): Company {
  const { addresses = {}, partitions = 3, namespace = '', logLevel = 'info', onLine, onProgress } = options
  const admin = options.adminToken === undefined ? {} : { TROUPE_ADMIN_TOKEN: options.adminToken }
  const services = new Map<string, ServiceProcess>()
  const databaseUrls = new Map<string, string>()
  const databaseMs: Record<string, number> = {}
  let gateway: ServiceProcess | undefined
  let isStopped = false

  async function openGateway(): Promise<string> {
    const { name, main } = paymentGateway()
    const environment = {
      HTTP_ADDRESS: addressText(anyAddress),
      ...(options.dir === undefined ? {} : { GATEWAY_FILE: join(options.dir, 'gateway', 'book.jsonl') }),
    }
    gateway = createServiceProcess({ name, main, environment, onDeath, ...(onLine ? { onLine } : {}) })
    await gateway.start()
    return gateway.url ?? ''
  }

  async function launch({ name, main }: ServiceSpec): Promise<void> {
    const sinceMs = performance.now()
    const opening = name === 'payment' ? openGateway() : undefined
    // Heard of below, unless the database fails first.
    opening?.catch(() => {})
    const databaseUrl = await stack.postgres.createDatabase({ name })
    databaseUrls.set(name, databaseUrl)
    databaseMs[name] = Math.round(performance.now() - sinceMs)
    const gatewayUrl = await opening
    if (isStopped) return
    const environment = {
      KAFKA_BROKERS: stack.kafka.address,
      SCHEMA_REGISTRY_URL: stack.registry.url,
      DATABASE_URL: databaseUrl,
      HTTP_ADDRESS: addressText((name === 'order' && addresses.http) || anyAddress),
      TROUPE_NAMESPACE: namespace,
      TROUPE_LOG_LEVEL: logLevel,
      TROUPE_TOPIC_PARTITIONS: String(partitions),
      TROUPE_STOP_TIMEOUT_MS: String(stopTimeoutMs),
      ...(gatewayUrl === undefined ? {} : { GATEWAY_URL: gatewayUrl }),
      ...admin,
    }
    const one = createServiceProcess({ name, main, environment, onDeath, ...(onLine ? { onLine } : {}) })
    services.set(name, one)
    await one.start()
    onProgress?.(name, one.startMs ?? 0)
  }

  return {
    services,
    databaseUrls,
    get gateway() {
      return gateway
    },
    async start(specs) {
      await Promise.all(specs.map(launch))
    },
    get(name) {
      const one = services.get(name)
      if (!one) throw new TroupeError('TROUPE_SERVICE_NOT_FOUND', `There is no service named ${name} here.`)
      return one
    },
    timings: () => ({
      databaseMs,
      serviceMs: Object.fromEntries([...services].map(([name, { startMs }]) => [name, startMs ?? 0])),
    }),
    async stop() {
      isStopped = true
      await Promise.all([...services.values()].map((one) => one.stop()))
      await gateway?.stop()
    },
  }
}
