/** What AlterConfigs and IncrementalAlterConfigs share. */
import { ErrorCode } from '../protocol/error-code.ts'
import type { Services } from '../server/services.ts'
import { whySettingIsWrong } from '../topics/topic-config.ts'
import type { Topic } from '../topics/topic-catalogue.ts'

/** The kinds of things that have settings, as the protocol numbers them. */
export const TOPIC_RESOURCE = 2
export const BROKER_RESOURCE = 4

/** One resource of a request that alters settings. */
export interface Alteration<Change> {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly Change[]
}

/** The settings after a change, or why the change makes no sense. */
export type Altered = { readonly settings: ReadonlyMap<string, string | null> } | { readonly wrong: string }

/**
 * Alters the settings of one topic and describes the outcome as both responses want it. `alter` only
 * computes; nothing is kept unless everything is in order and it is not a trial.
 */
export function alterTopic<Change>(
  { resourceType, resourceName, configs }: Alteration<Change>,
  isTrial: boolean,
  { topics }: Services,
  alter: (topic: Topic, changes: readonly Change[]) => Altered,
) {
  const answer = (errorCode: ErrorCode, errorMessage: string | null) => ({
    errorCode,
    errorMessage,
    resourceType,
    resourceName,
  })
  if (resourceType !== TOPIC_RESOURCE) {
    return answer(ErrorCode.INVALID_REQUEST, 'only topics have settings that can be altered here')
  }
  const topic = topics.get(resourceName)
  if (topic === undefined) {
    return answer(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${resourceName}`)
  }
  const altered = alter(topic, configs)
  if ('wrong' in altered) return answer(ErrorCode.INVALID_CONFIG, altered.wrong)
  const settings = new Map<string, string>()
  for (const [name, value] of altered.settings) {
    const wrong = whySettingIsWrong(name, value)
    if (wrong !== undefined) return answer(ErrorCode.INVALID_CONFIG, wrong)
    settings.set(name, value ?? '')
  }
  if (!isTrial) topics.replaceSettings(topic, settings)
  return answer(ErrorCode.NONE, null)
}
