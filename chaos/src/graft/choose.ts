import { mutants } from '../mutants/mutants.ts'
import { curse } from '../poison/curse.ts'
import { type Failpoint, failpointGraft, failpointNames, isFailpointName } from './failpoints.ts'
import type { Graft } from './graft.ts'

/** Which grafts a process gets, such as `after-commit:kill@3,inbox-left-out`. */
export const graftsVariable = 'TROUPE_GRAFTS'

export interface Chosen {
  readonly grafts: readonly Graft[]
  readonly failpoints: readonly Failpoint[]
}

/**
 * Reads a list, separated by commas, of failpoints (`name:action` or `name:action@nth`) and bugs (`name`): planted ones,
 * and the one of poisoned runs.
 *
 * @throws Error for a name that nobody has
 */
export function chosenIn(text: string): Chosen {
  const grafts = new Map<string, Graft>()
  const failpoints: Failpoint[] = []
  for (const word of text.split(',').map((part) => part.trim())) {
    if (word === '') continue
    const [, name = word, action, nth = '1'] =
      /^([a-z-]+):(kill|stop|throw)(?:@([1-9]\d*))?$/.exec(word) ?? []
    const whole = [...mutants, curse].find((one) => one.name === word)
    if (whole) grafts.set(word, whole)
    else if (action !== undefined && isFailpointName(name)) {
      grafts.set(name, failpointGraft(name))
      failpoints.push({ name, action: action as Failpoint['action'], nth: Number(nth) })
    } else {
      throw new Error(
        `${graftsVariable} names ${JSON.stringify(word)}, which is neither a planted bug nor a failpoint with an action. Use NAME:kill@3, NAME:stop or NAME:throw with one of ${failpointNames.join(', ')}; or one of ${mutants.map((one) => one.name).join(', ')}.`,
      )
    }
  }
  return { grafts: [...grafts.values()], failpoints }
}
