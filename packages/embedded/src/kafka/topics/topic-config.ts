/**
 * The settings of a topic: Kafka's names and defaults, so that tools find what they look for. Two of
 * them have an effect here (`max.message.bytes`, `message.timestamp.type`); the others are kept and
 * told, and this broker neither compacts nor expires.
 */
type Kind = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'

interface Setting {
  readonly initial: string
  readonly kind: Kind
  readonly choices?: readonly string[]
}

const LONG_MAX = '9223372036854775807'
const WEEK_MS = '604800000'

const SETTINGS: ReadonlyMap<string, Setting> = new Map([
  ['cleanup.policy', { initial: 'delete', kind: 'list', choices: ['delete', 'compact'] }],
  [
    'compression.type',
    {
      initial: 'producer',
      kind: 'string',
      choices: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    },
  ],
  ['delete.retention.ms', { initial: '86400000', kind: 'long' }],
  ['file.delete.delay.ms', { initial: '60000', kind: 'long' }],
  ['flush.messages', { initial: LONG_MAX, kind: 'long' }],
  ['flush.ms', { initial: LONG_MAX, kind: 'long' }],
  ['follower.replication.throttled.replicas', { initial: '', kind: 'list' }],
  ['index.interval.bytes', { initial: '4096', kind: 'int' }],
  ['leader.replication.throttled.replicas', { initial: '', kind: 'list' }],
  ['local.retention.bytes', { initial: '-2', kind: 'long' }],
  ['local.retention.ms', { initial: '-2', kind: 'long' }],
  ['max.compaction.lag.ms', { initial: LONG_MAX, kind: 'long' }],
  ['max.message.bytes', { initial: '1048588', kind: 'int' }],
  ['message.timestamp.after.max.ms', { initial: '3600000', kind: 'long' }],
  ['message.timestamp.before.max.ms', { initial: LONG_MAX, kind: 'long' }],
  [
    'message.timestamp.type',
    { initial: 'CreateTime', kind: 'string', choices: ['CreateTime', 'LogAppendTime'] },
  ],
  ['min.cleanable.dirty.ratio', { initial: '0.5', kind: 'double' }],
  ['min.compaction.lag.ms', { initial: '0', kind: 'long' }],
  ['min.insync.replicas', { initial: '1', kind: 'int' }],
  ['preallocate', { initial: 'false', kind: 'boolean' }],
  ['remote.storage.enable', { initial: 'false', kind: 'boolean' }],
  ['retention.bytes', { initial: '-1', kind: 'long' }],
  ['retention.ms', { initial: WEEK_MS, kind: 'long' }],
  ['segment.bytes', { initial: '1073741824', kind: 'int' }],
  ['segment.index.bytes', { initial: '10485760', kind: 'int' }],
  ['segment.jitter.ms', { initial: '0', kind: 'long' }],
  ['segment.ms', { initial: WEEK_MS, kind: 'long' }],
  ['unclean.leader.election.enable', { initial: 'false', kind: 'boolean' }],
])

/** The protocol's numbers for the type of a setting (DescribeConfigs 3 and up). */
export const KIND_NUMBER: Readonly<Record<Kind, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
}

/** One setting as a tool sees it. */
export interface SettingView {
  readonly name: string
  readonly value: string
  readonly isDefault: boolean
  readonly kind: Kind
}

/** All settings of a topic, in the order of their names. */
export function viewSettings(chosen: ReadonlyMap<string, string>): SettingView[] {
  return [...SETTINGS].map(([name, { initial, kind }]) => ({
    name,
    value: chosen.get(name) ?? initial,
    isDefault: !chosen.has(name),
    kind,
  }))
}

/** Whether the setting holds several values, which can be added and taken away one by one. */
export function isListSetting(name: string): boolean {
  return SETTINGS.get(name)?.kind === 'list'
}

/** Why a value cannot be taken for a setting, or undefined if it can. */
export function whySettingIsWrong(name: string, value: string | null): string | undefined {
  const setting = SETTINGS.get(name)
  if (setting === undefined) return `Unknown topic config name: ${name}`
  if (value === null) return `Null value not supported for topic configs: ${name}`
  if (isOfKind(value, setting)) return undefined
  const choices = setting.choices ? `one of ${setting.choices.join(', ')}` : `of type ${setting.kind}`
  return `Invalid value ${value} for configuration ${name}: must be ${choices}`
}

function isOfKind(value: string, { kind, choices }: Setting): boolean {
  switch (kind) {
    case 'boolean':
      return value === 'true' || value === 'false'
    case 'int':
    case 'long':
      return /^-?\d{1,19}$/.test(value)
    case 'double':
      return value !== '' && Number.isFinite(Number(value))
    case 'string':
      return choices?.includes(value) ?? true
    case 'list':
      return choices === undefined || value.split(',').every((item) => choices.includes(item.trim()))
  }
}
