import { TroupeError } from '@troupe/core'
import { randomInt } from 'node:crypto'

/** Reads a whole number. @throws TroupeError `TROUPE_SETTING_INVALID` */
export function wholeNumber(text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new TroupeError('TROUPE_SETTING_INVALID', `"${text}" is not a whole number from ${min} to ${max}.`)
}

/** A seed for whoever gave none; small enough to be typed again. */
export function randomSeed(): number {
  return randomInt(1_000_000)
}
