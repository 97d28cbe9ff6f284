// The clerk's instances as processes, and a test that plays the services that it hears.
import { createCodec } from '@troupe/avro'
import { type AnyEventType, headersOf, type Log } from '@troupe/core'
import { type Admin, AssignerProtocol, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tally } from '../clerk/clerk.ts'
import { withClient } from '../facts/read-ledger.ts'
import { textOf } from '../processes/child.ts'
import { until } from '../world/until.ts'
import { createWorld, type World } from '../world/world.ts'

export interface Office {
  readonly world: World
  readonly admin: Admin
  /** What ended by itself, and how. */
  readonly surprises: readonly string[]
  /** Publishes these as their owner would, in one request; resolves when they are acknowledged. Default: each where its key belongs. */
  publish(type: AnyEventType, all: readonly object[], partition?: number): Promise<void>
  /** Makes a type's schema known to the registry, under the next version. */
  register(type: AnyEventType): Promise<void>
  /** Who holds which lanes, by member of the group, once the group is at rest. */
  members(): Promise<ReadonlyMap<string, readonly string[]>>
  query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** By counter. */
  tallies(of: string): Promise<ReadonlyMap<string, Tally>>
  /** A line of an instance's metrics; undefined if it says nothing of the kind. */
  metric(instance: string, name: string): Promise<number | undefined>
  logOf(instance: string): string
  close(): Promise<void>
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }
const waitMs = 60_000
export const partitions = 3

export async function openOffice(): Promise<Office> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-office-'))
  const surprises: string[] = []
  const world = await createWorld({
    folder,
    services: ['clerk'],
    instancesMax: 2,
    partitions,
    // Nobody dies here, and nobody is to be left on a machine that is busy.
    sessionTimeoutMs: 20_000,
    onEnd: (name, exit) => surprises.push(`${name} ended by itself ${textOf(exit)}`),
  })
  await world.start()
  const kafka = new Kafka({ clientId: 'office', brokers: [world.kafka], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    // New partitions are taken into use at once.
    metadataMaxAge: 50,
  })
  await Promise.all([admin.connect(), producer.connect()])
  return { ...officeOn(world, { admin, producer, folder }), surprises }
}

function officeOn(
  world: World,
  {
    admin,
    producer,
    folder,
  }: { readonly admin: Admin; readonly producer: Producer; readonly folder: string },
): Omit<Office, 'surprises'> {
  const codec = createCodec({ registryUrl: world.registryUrl, log: silent })
  const query: Office['query'] = (sql, values = []) =>
    withClient(world.databaseUrl('clerk'), async (client) => (await client.query(sql, [...values])).rows)
  let count = 0

  const messageOf = (type: AnyEventType, data: object) => {
    const key = type.keyOf(data)
    count += 1
    const envelope = {
      id: `${type.type}-${count}`,
      type: type.type,
      source: type.owner,
      timeMs: 0,
      key,
      correlationId: key,
      causationId: undefined,
      traceparent: undefined,
      tracestate: undefined,
    }
    return { key, value: Buffer.from(codec.encode(type, data)), headers: headersOf(envelope) }
  }

  return {
    world,
    admin,
    query,
    register: (type) => codec.register([type]),
    async publish(type, all, partition) {
      const place = partition === undefined ? {} : { partition }
      const messages = all.map((data) => ({ ...messageOf(type, data), ...place }))
      await producer.send({ topic: type.topic, messages, acks: -1 })
    },
    members: () =>
      until(
        async () => {
          const [group] = (await admin.describeGroups(['clerk'])).groups
          return group?.state === 'Stable' && new Map(group.members.map(lanesOf))
        },
        { timeoutMs: waitMs, what: 'a group at rest' },
      ),
    async tallies(of) {
      const rows = await query<{ key: string; state: Tally }>(
        `SELECT key, state FROM troupe.document WHERE kind = 'tally' AND key LIKE $1 AND version > 0`,
        [`${of}-%`],
      )
      return new Map(rows.map(({ key, state }) => [key, state]))
    },
    async metric(instance, name) {
      const text = await (await fetch(`${world.instance(instance).url}/metrics`)).text()
      const line = text.split('\n').find((one) => one.startsWith(`${name} `))
      return line === undefined ? undefined : Number(line.slice(name.length))
    },
    logOf: (instance) => readFileSync(join(folder, 'logs', `${instance}.log`), 'utf8'),
    async close() {
      await Promise.all([admin.disconnect(), producer.disconnect()])
      await world.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function lanesOf({ memberId, memberAssignment }: { memberId: string; memberAssignment: Buffer }) {
  const { assignment = {} } = AssignerProtocol.MemberAssignment.decode(memberAssignment) ?? {}
  const lanes = Object.entries(assignment).flatMap(([topic, all]) => all.map((one) => `${topic}/${one}`))
  return [memberId, lanes] as const
}
