const dayMs = 86_400_000

/** Where the carrier goes, by ISO 3166-1 alpha-2 code, and how long that takes at most. */
export const deliveryTimesMs: ReadonlyMap<string, number> = new Map([
  ['AT', 2 * dayMs],
  ['BE', 2 * dayMs],
  ['CH', 3 * dayMs],
  ['DE', 1 * dayMs],
  ['DK', 2 * dayMs],
  ['FR', 2 * dayMs],
  ['IT', 3 * dayMs],
  ['NL', 2 * dayMs],
  ['PL', 3 * dayMs],
])
