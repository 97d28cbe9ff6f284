/** How many letters may be wrong, missing or too many for one name to be taken for another. */
const slipsMax = 2

/**
 * Which of the names is meant by one that is none of them; undefined if it resembles none. The shorter the name,
 * the fewer slips: of two letters anything is nearly anything.
 */
export function meantBy(given: string, names: readonly string[]): string | undefined {
  const nearest = names
    .map((name) => ({ name, slips: slipsBetween(given, name) }))
    .filter(({ name, slips }) => slips <= Math.min(slipsMax, Math.max(1, Math.floor(name.length / 3))))
    .toSorted((one, other) => one.slips - other.slips)[0]
  return nearest?.name
}

/** Levenshtein's distance: letters to change, add or leave out. */
function slipsBetween(one: string, other: string): number {
  // Longer by more than may be is too far, however far; a name may be as long as whoever gives it likes.
  if (Math.abs(one.length - other.length) > slipsMax) return slipsMax + 1
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
