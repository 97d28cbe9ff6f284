import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { TopicCatalogue } from '../topics/topic-catalogue.ts'
import type { Log } from './connection.ts'
import type { Faults } from './faults.ts'

/** Limits and defaults that request handlers go by; see `BrokerOptions` for their meaning. */
export interface Settings {
  readonly defaultPartitions: number
  readonly autoCreateTopics: boolean
  readonly messageBytesMax: number
  readonly sessionTimeoutMinMs: number
  readonly sessionTimeoutMaxMs: number
  readonly fetchWaitMsMax: number
}

/** The versions of one request that are served. */
export interface ApiRange {
  readonly key: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** All that a request handler may touch. */
export interface Services {
  readonly nodeId: number
  readonly clusterId: string
  /** Where clients find this broker: equal to what they were given as bootstrap address. */
  readonly host: string
  readonly port: number
  readonly topics: TopicCatalogue
  readonly groups: GroupCoordinator
  /** A producer id that was never given before on this broker's data. */
  nextProducerId(): number
  readonly settings: Settings
  readonly apiRanges: readonly ApiRange[]
  readonly faults: Faults
  readonly log: Log
}
