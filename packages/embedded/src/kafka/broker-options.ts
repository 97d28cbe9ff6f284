import { BrokerError } from './broker-error.ts'

/** How a broker is started; everything has a default that suits a test. */
export interface BrokerOptions {
  /** Address to listen on and to tell clients; default 127.0.0.1, so that only this machine can connect. */
  host?: string
  /** Default 0: any free port. */
  port?: number
  /** Folder to keep topics, messages and committed offsets in. Default: memory, gone with the process. */
  dir?: string
  /** Whether each append reaches the disk before it is answered. Default false, as in Kafka. */
  fsync?: boolean
  /** Partitions of a topic that is created without saying how many; default 1. */
  defaultPartitions?: number
  /** Whether asking for a topic that does not exist creates it; default true. */
  autoCreateTopics?: boolean
  /** Largest batch that a producer may send; default 1,048,588 as in Kafka. */
  messageBytesMax?: number
  /** Largest request that is read at all; default 104,857,600 as in Kafka. */
  requestBytesMax?: number
  /** How long a new group waits for more members before its first rebalance; default 0. */
  groupInitialRebalanceDelayMs?: number
  /** Bounds of a consumer's session timeout; default 100 ms to 30 minutes. */
  sessionTimeoutMinMs?: number
  sessionTimeoutMaxMs?: number
  /**
   * Longest time that a fetch waits for messages, whatever the client asks for; default 100 ms. kafkajs
   * looks after heartbeats, rebalances and its own disconnect only between fetches: with its default of
   * five seconds an idle consumer takes five seconds to leave, with 100 ms it takes 100. Lower costs more
   * than it brings: ten idle consumers and the broker take 8 % of a core at 100 ms, 15 % at 50 ms, and
   * 5 % at one second.
   */
  fetchWaitMsMax?: number
  /** Gets what the broker has to say; default: nothing is said. */
  log?: (level: 'info' | 'warn' | 'error', message: string) => void
}

/** Options with their defaults, checked. */
export type ResolvedOptions = Required<Omit<BrokerOptions, 'dir'>> & { readonly dir: string | undefined }

const DEFAULTS = {
  host: '127.0.0.1',
  port: 0,
  fsync: false,
  defaultPartitions: 1,
  autoCreateTopics: true,
  messageBytesMax: 1_048_588,
  requestBytesMax: 104_857_600,
  groupInitialRebalanceDelayMs: 0,
  sessionTimeoutMinMs: 100,
  sessionTimeoutMaxMs: 1_800_000,
  fetchWaitMsMax: 100,
  log: () => {},
} as const

const INT32_MAX = 2 ** 31 - 1
const BOUNDS = [
  ['port', 0, 65_535],
  ['defaultPartitions', 1, 10_000],
  ['messageBytesMax', 1, INT32_MAX],
  ['requestBytesMax', 1024, INT32_MAX],
  ['groupInitialRebalanceDelayMs', 0, INT32_MAX],
  ['sessionTimeoutMinMs', 1, INT32_MAX],
  ['sessionTimeoutMaxMs', 1, INT32_MAX],
  ['fetchWaitMsMax', 1, INT32_MAX],
] as const

/** Fills in the defaults; throws `BROKER_OPTION_INVALID` naming the option that makes no sense. */
export function resolveOptions(options: BrokerOptions): ResolvedOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const resolved: ResolvedOptions = { ...DEFAULTS, dir: undefined, ...given }
  for (const [name, min, max] of BOUNDS) {
    const value = resolved[name]
    if (Number.isInteger(value) && value >= min && value <= max) continue
    throw new BrokerError(
      'BROKER_OPTION_INVALID',
      `${name} is ${value}: give a whole number from ${min} to ${max}, or leave it out.`,
    )
  }
  if (resolved.sessionTimeoutMinMs > resolved.sessionTimeoutMaxMs) {
    throw new BrokerError(
      'BROKER_OPTION_INVALID',
      `sessionTimeoutMinMs is ${resolved.sessionTimeoutMinMs}, above sessionTimeoutMaxMs ${resolved.sessionTimeoutMaxMs}: no consumer could join.`,
    )
  }
  return resolved
}
