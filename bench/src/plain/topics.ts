/** How many processes hand a message on. */
export const hopCount = 4
/** As many as the order story's topics have. */
export const partitions = 3

/** Where hop number `hop` reads; the last one writes where hop number `hopCount` would read. */
export function topicBefore(hop: number): string {
  return `plain-${hop}`
}
