/**
 * AlterConfigs: replaces all settings of a topic by the given ones. Keeps them; which ones have an effect,
 * `topics/topic-config.ts` says. The broker's own settings are fixed at its start.
 */
import { array, boolean, int16, int32, int8, nullableString, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import { alterTopic } from './config-resource.ts'

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
    const responses = resources.map((resource) =>
      alterTopic(resource, validateOnly, services, (_topic, changes) => ({
        settings: new Map(changes.map(({ name, value }) => [name, value])),
      })),
    )
    return { throttleTimeMs: 0, responses }
  },
})
