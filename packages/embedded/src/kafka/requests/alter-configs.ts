/**
 * AlterConfigs: replaces all settings of a topic by the given ones. Keeps them; which ones have an effect,
 * `topics/topic-config.ts` says. The broker's own settings are fixed at its start.
 */
import { ErrorCode } from '../protocol/error-code.ts'
import { array, boolean, int16, int32, int8, nullableString, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import type { Services } from '../server/services.ts'
import { whySettingIsWrong } from '../topics/topic-config.ts'
import { TOPIC_RESOURCE } from './config-resource.ts'

interface Change {
  readonly name: string
  readonly value: string | null
}

export const alterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  minVersion: 0,
  maxVersion: 1,
  flexibleFrom: 2,
  request: struct({
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, value: nullableString })),
      }),
    ),
    validateOnly: boolean,
  }),
  response: struct({
    throttleTimeMs: int32,
    responses: array(
      struct({ errorCode: int16, errorMessage: nullableString, resourceType: int8, resourceName: string }),
    ),
  }),

  handle({ resources, validateOnly }, { services }) {
    const responses = resources.map(({ resourceType, resourceName, configs }) => {
      const problem = whyNotAlterable(resourceType, resourceName, configs, services)
      if (problem !== undefined) return { ...problem, resourceType, resourceName }
      if (!validateOnly) replaceSettings(resourceName, configs, services)
      return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName }
    })
    return { throttleTimeMs: 0, responses }
  },
})

function whyNotAlterable(type: number, name: string, changes: readonly Change[], { topics }: Services) {
  if (type !== TOPIC_RESOURCE) {
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'only topics have settings to alter here' }
  }
  if (topics.get(name) === undefined) {
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: `there is no topic ${name}` }
  }
  const wrong = changes.map((change) => whySettingIsWrong(change.name, change.value)).find(Boolean)
  return wrong === undefined ? undefined : { errorCode: ErrorCode.INVALID_CONFIG, errorMessage: wrong }
}

function replaceSettings(name: string, changes: readonly Change[], { topics }: Services): void {
  const topic = topics.get(name)
  if (topic === undefined) return
  topics.replaceSettings(topic, new Map(changes.map((change) => [change.name, change.value ?? ''])))
}
