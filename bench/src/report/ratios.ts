import type { CaseReport } from './document.ts'
import type { Aim, Figures } from './figure.ts'

/** A figure of a case. */
type Place = readonly [name: string, figure: string]

interface Pair {
  readonly ofTroupe: Place
  readonly against: Place
  readonly aim?: Aim
}

const pairs: Readonly<Record<string, Pair>> = {
  'hops a second, to the baseline': {
    ofTroupe: ['hops', 'hops at saturation'],
    against: ['baseline', 'hops at saturation'],
    aim: { atLeast: 8 },
  },
  'p99 at half of its own load, to the baseline': {
    ofTroupe: ['hops', 'p99 at half load'],
    against: ['baseline', 'p99 at half load'],
    aim: { atMost: 1 },
  },
  'p99 at the same load, to the baseline': {
    ofTroupe: ['hops', 'p99 at the same load'],
    against: ['baseline', 'p99 at the same load'],
    aim: { atMost: 1 },
  },
  'CPU per hop, to the baseline': {
    ofTroupe: ['hops', 'all CPU per hop'],
    against: ['baseline', 'all CPU per hop'],
  },
  'p50 one at a time, to plain kafkajs': {
    ofTroupe: ['saga-latency', 'p50'],
    against: ['plain-kafkajs', 'p50 one at a time'],
  },
  'p99 one at a time, to plain kafkajs': {
    ofTroupe: ['saga-latency', 'p99'],
    against: ['plain-kafkajs', 'p99 one at a time'],
  },
  'warm sagas a second, to plain kafkajs': {
    ofTroupe: ['throughput', 'warm sagas'],
    against: ['plain-kafkajs', 'warm sagas'],
  },
  'CPU per saga, to plain kafkajs': {
    ofTroupe: ['throughput', 'all CPU per saga'],
    against: ['plain-kafkajs', 'all CPU per saga'],
  },
}

/** Each of Troupe's figures divided by the other's, where both were measured in this run. */
export function ratiosOf(cases: Readonly<Record<string, CaseReport>>): Figures {
  const value = ([name, figure]: Place) => cases[name]?.figures[figure]?.value
  return Object.fromEntries(
    Object.entries(pairs).flatMap(([name, { ofTroupe, against, aim }]) => {
      const [troupe, other] = [value(ofTroupe), value(against)]
      if (troupe === undefined || !other) return []
      return [[name, { value: troupe / other, unit: 'ratio' as const, ...(aim ? { aim } : {}) }]]
    }),
  )
}
