/**
 * DescribeConfigs: the settings of topics (all that Kafka has, with Kafka's defaults) and a few of the
 * broker. Keeps nothing. Ignores synonyms and documentation: told as empty.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import {
  array,
  between,
  boolean,
  int16,
  int32,
  int8,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { Services } from '../server/services.ts'
import { KIND_NUMBER, type SettingView, viewSettings } from '../topics/topic-config.ts'
import { BROKER_RESOURCE, TOPIC_RESOURCE } from './config-resource.ts'

const SOURCE_TOPIC = 1
const SOURCE_BROKER_STATIC = 4
const SOURCE_DEFAULT = 5

interface TopicSetting extends SettingView {
  /** Set neither for the topic nor by default, but for the broker. */
  readonly isOfBroker?: boolean
}

export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  minVersion: 0,
  maxVersion: 3,
  flexibleFrom: 4,
  request: struct({
    resources: array(
      struct({ resourceType: int8, resourceName: string, configurationKeys: nullableArray(string) }),
    ),
    includeSynonyms: since(1, boolean),
    includeDocumentation: since(3, boolean),
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: nullableString,
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: nullableString,
            readOnly: boolean,
            isDefault: between(0, 0, boolean),
            configSource: since(1, int8),
            isSensitive: boolean,
            synonyms: since(1, array(struct({ name: string, value: nullableString, source: int8 }))),
            configType: since(3, int8),
            documentation: since(3, nullableString),
          }),
        ),
      }),
    ),
  }),

  handle({ resources }, { services }) {
    const results = resources.map(({ resourceType, resourceName, configurationKeys }) => {
      const { problem, isReadOnly, settings } = settingsOf(resourceType, resourceName, services)
      const configs = settings
        // kafkajs sends an empty list as null; either asks for all.
        .filter(({ name }) => !configurationKeys?.length || configurationKeys.includes(name))
        .map((setting) => toConfig(setting, isReadOnly))
      return { ...problem, resourceType, resourceName, configs }
    })
    return { throttleTimeMs: 0, results }
  },
})

function toConfig(setting: TopicSetting, readOnly: boolean) {
  const { name, value, isDefault, kind } = setting
  const configSource = sourceOf(setting, readOnly)
  return {
    name,
    value,
    readOnly,
    isDefault,
    configSource,
    isSensitive: false,
    synonyms: [],
    configType: KIND_NUMBER[kind],
    documentation: null,
  }
}

function sourceOf({ isDefault, isOfBroker }: TopicSetting, readOnly: boolean): number {
  if (isDefault) return SOURCE_DEFAULT
  return readOnly || isOfBroker ? SOURCE_BROKER_STATIC : SOURCE_TOPIC
}

/** What a topic leaves open is as its broker has it, and told so. */
function topicSettings(
  chosen: ReadonlyMap<string, string>,
  { settings: { messageBytesMax } }: Services,
): TopicSetting[] {
  return viewSettings(chosen).map((one) => {
    const value = String(messageBytesMax)
    if (one.name !== 'max.message.bytes' || !one.isDefault || one.value === value) return one
    return { ...one, value, isDefault: false, isOfBroker: true }
  })
}

function settingsOf(type: number, name: string, services: Services) {
  if (type === TOPIC_RESOURCE) {
    const topic = services.topics.get(name)
    if (topic) return settingsFound(topicSettings(topic.settings, services), false)
    return settingsMissing(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${name}`)
  }
  if (type === BROKER_RESOURCE && (name === '' || name === String(services.nodeId))) {
    return settingsFound(brokerSettings(services), true)
  }
  return settingsMissing(ErrorCode.INVALID_REQUEST, `no settings for resource ${name} of type ${type}`)
}

function brokerSettings({ nodeId, settings }: Services): SettingView[] {
  const view = (name: string, value: number | boolean, kind: 'int' | 'boolean'): SettingView => ({
    name,
    value: String(value),
    isDefault: false,
    kind,
  })
  return [
    view('auto.create.topics.enable', settings.autoCreateTopics, 'boolean'),
    view('broker.id', nodeId, 'int'),
    view('default.replication.factor', 1, 'int'),
    view('group.max.session.timeout.ms', settings.sessionTimeoutMaxMs, 'int'),
    view('group.min.session.timeout.ms', settings.sessionTimeoutMinMs, 'int'),
    view('message.max.bytes', settings.messageBytesMax, 'int'),
    view('num.partitions', settings.defaultPartitions, 'int'),
  ]
}

function settingsFound(settings: TopicSetting[], isReadOnly: boolean) {
  return { problem: { errorCode: ErrorCode.NONE, errorMessage: null }, isReadOnly, settings }
}

function settingsMissing(errorCode: ErrorCode, errorMessage: string) {
  return { problem: { errorCode, errorMessage }, isReadOnly: true, settings: [] }
}
