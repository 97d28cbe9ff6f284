const mark = '-faulty'

/** An id of an order over which the faulty till stumbles. */
export function faulty(orderId: string): string {
  return `${orderId}${mark}`
}

export function isFaulty(orderId: string): boolean {
  return orderId.endsWith(mark)
}
