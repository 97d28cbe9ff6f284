import { TroupeError } from '@troupe/core'
import { InvalidArgumentError } from 'commander'
import { randomInt } from 'node:crypto'

/** Reads a whole number. @throws TroupeError `TROUPE_SETTING_INVALID` */
export function wholeNumber(text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new TroupeError('TROUPE_SETTING_INVALID', `"${text}" is not a whole number from ${min} to ${max}.`)
}

/** Reads an option's argument. Commander names the option of an InvalidArgumentError by itself. */
export function refusing<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

/** A seed for whoever gave none; small enough to be typed again. */
export function randomSeed(): number {
  return randomInt(1_000_000)
}

/**
 * The name of a folder.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID` on none at all: an unset variable must not mean "here"
 */
export function folderName(text: string): string {
  if (text.trim() !== '') return text
  throw new TroupeError(
    'TROUPE_SETTING_INVALID',
    'No folder was named. Name one, such as ./data; an unset variable names none.',
  )
}

/**
 * An address, without a slash at its end.
 *
 * @throws TroupeError `TROUPE_SETTING_INVALID`, which does not repeat it: it may hold a password
 */
export function urlOf(text: string, example: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, '')
  throw new TroupeError('TROUPE_SETTING_INVALID', `That is not a URL, such as ${example}.`)
}
