/** Variables that others set begin otherwise, or resemble no setting: Kubernetes names some for each service. */
const prefix = 'TROUPE_'
/** How many letters may be wrong, missing or too many for a name to be taken for a setting's. */
const slipsMax = 2

/** Of the variables that are given, those that are no setting but nearly one: each said with the one it resembles. */
export function misspeltIn(given: Iterable<string>, settings: readonly string[]): readonly string[] {
  const own = settings.filter((name) => name.startsWith(prefix))
  return [...given].flatMap((name) => {
    if (!name.startsWith(prefix) || own.includes(name)) return []
    const meant = own
      .map((setting) => ({ setting, slips: slipsBetween(name, setting) }))
      .filter(({ slips }) => slips <= slipsMax)
      .toSorted((one, other) => one.slips - other.slips)[0]
    return meant ? [`${name} is no setting; ${meant.setting} is meant, or take it away`] : []
  })
}

/** Levenshtein's distance: letters to change, add or leave out. */
function slipsBetween(one: string, other: string): number {
  let before = Array.from({ length: other.length + 1 }, (_, count) => count)
  for (const [row, letter] of one.split('').entries()) {
    const now = [row + 1]
    for (const [column, otherLetter] of other.split('').entries()) {
      const [left = 0, above = 0, diagonal = 0] = [now[column], before[column + 1], before[column]]
      now.push(Math.min(left + 1, above + 1, diagonal + (letter === otherLetter ? 0 : 1)))
    }
    before = now
  }
  return before[other.length] ?? 0
}
