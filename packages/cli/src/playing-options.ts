import { Option } from 'commander'
import { refusing, wholeNumber } from './options.ts'

// What `demo` and `play` have in common: what is played, and how it is told.

const ordersMax = 100_000
const seedMax = 4_294_967_295

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document on stdout instead of drawing')
}

export function ordersOption(): Option {
  return new Option(
    '--orders <count>',
    `play this many mixed orders instead of the stories, at most ${ordersMax}`,
  ).argParser((text: string) => refusing(() => wholeNumber(text, 1, ordersMax)))
}

export function seedOption(): Option {
  return new Option(
    '--seed <number>',
    'what the mixed orders are made from (default: random, and printed)',
  ).argParser((text: string) => refusing(() => wholeNumber(text, 0, seedMax)))
}
