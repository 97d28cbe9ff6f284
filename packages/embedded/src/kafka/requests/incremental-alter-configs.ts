/**
 * IncrementalAlterConfigs: changes single settings of a topic and leaves the others (the tools of newer
 * Kafkas know no other way). Keeps them as AlterConfigs does.
 */
import { array, boolean, int16, int32, int8, nullableString, string, struct } from '../protocol/schema.ts'
import { defineApi } from '../server/api.ts'
import { isListSetting, viewSettings } from '../topics/topic-config.ts'
import type { Topic } from '../topics/topic-catalogue.ts'
import { type Altered, alterTopic } from './config-resource.ts'

const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

interface Change {
  readonly name: string
  readonly operation: number
  readonly value: string | null
}

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  minVersion: 0,
  maxVersion: 0,
  flexibleFrom: 1,
  request: struct({
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, operation: int8, value: nullableString })),
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
    const responses = resources.map((resource) => alterTopic(resource, validateOnly, services, applyAll))
    return { throttleTimeMs: 0, responses }
  },
})

function applyAll(topic: Topic, changes: readonly Change[]): Altered {
  const settings = new Map<string, string | null>(topic.settings)
  for (const { name, operation, value } of changes) {
    switch (operation) {
      case SET:
        settings.set(name, value)
        break
      case DELETE:
        settings.delete(name)
        break
      case APPEND:
      case SUBTRACT: {
        if (!isListSetting(name)) return { wrong: `${name} is no list: it can be set or deleted only` }
        const now = viewSettings(topic.settings).find((setting) => setting.name === name)?.value ?? ''
        settings.set(name, changeList(settings.get(name) ?? now, value ?? '', operation === APPEND))
        break
      }
      default:
        return { wrong: `there is no operation ${operation} on settings` }
    }
  }
  return { settings }
}

function changeList(list: string, change: string, isAppended: boolean): string {
  const items = new Set(splitList(list))
  for (const item of splitList(change)) {
    if (isAppended) items.add(item)
    else items.delete(item)
  }
  return [...items].join(',')
}

function splitList(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
