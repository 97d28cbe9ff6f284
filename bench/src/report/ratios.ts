import type { CaseReport } from './document.ts'
import type { Figures } from './figure.ts'

/** Troupe's figure and the reference's, as [case, figure] each. */
const pairs: Readonly<
  Record<string, readonly [ofTroupe: readonly [string, string], ofPlain: readonly [string, string]]>
> = {
  'p50 one at a time': [
    ['saga-latency', 'p50'],
    ['plain-kafkajs', 'p50 one at a time'],
  ],
  'p99 one at a time': [
    ['saga-latency', 'p99'],
    ['plain-kafkajs', 'p99 one at a time'],
  ],
  'warm sagas per second': [
    ['throughput', 'warm sagas'],
    ['plain-kafkajs', 'warm sagas'],
  ],
  'CPU per saga': [
    ['throughput', 'all CPU per saga'],
    ['plain-kafkajs', 'all CPU per saga'],
  ],
}

/** Each of Troupe's figures divided by the plain loop's, where both were measured. */
export function ratiosOf(cases: Readonly<Record<string, CaseReport>>): Figures {
  const value = ([name, figure]: readonly [string, string]) => cases[name]?.figures[figure]?.value
  return Object.fromEntries(
    Object.entries(pairs).flatMap(([name, [ofTroupe, ofPlain]]) => {
      const [troupe, plain] = [value(ofTroupe), value(ofPlain)]
      return troupe === undefined || !plain ? [] : [[name, { value: troupe / plain, unit: 'ratio' as const }]]
    }),
  )
}
