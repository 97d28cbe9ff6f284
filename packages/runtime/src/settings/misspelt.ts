import { meantBy } from '@troupe/core'

/** Variables that others set begin otherwise, or resemble no setting: Kubernetes names some for each service. */
const prefix = 'TROUPE_'

/** Of the variables that are given, those that are no setting but nearly one: each said with the one it resembles. */
export function misspeltIn(given: Iterable<string>, settings: readonly string[]): readonly string[] {
  const own = settings.filter((name) => name.startsWith(prefix))
  return [...given].flatMap((name) => {
    if (!name.startsWith(prefix) || own.includes(name)) return []
    const meant = meantBy(name, own)
    return meant ? [`${name} is no setting; ${meant} is meant, or take it away`] : []
  })
}
