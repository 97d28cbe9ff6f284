import { messageOf } from '@troupe/core'
import { startStack } from '@troupe/embedded'
import { connectStack, type Stack } from '@troupe/testing'
import { dockerProblem, startRealStack } from '@troupe/testing/testcontainers'
import { type Figures, medianOf } from '../report/figure.ts'
import type { BenchCase, Scene } from '../run/case.ts'
import { openCompany } from '../run/company.ts'
import { manySagas } from '../run/many-sagas.ts'
import type { Round } from '../run/rounds.ts'

/** The same load on the embedded stack and on the real thing, with one instance of payment and with three. */
export const real: BenchCase = {
  name: 'real',
  title:
    'the same orders on the embedded stack and on real Kafka, registry and PostgreSQL; one payment and three',
  sizes: {
    sagas: { full: 2_000, quick: 20, what: 'orders in each round, the same ones everywhere' },
    rounds: { full: 3, quick: 1, what: 'warm rounds, after one that is not counted' },
  },
  isOnlyWhenNamed: true,
  async run(scene) {
    const embedded = await both(scene, 'embedded', await startStack())
    try {
      const stack = await realStack(scene)
      return figuresOf(stack ? { embedded, real: await both(scene, 'real', stack) } : { embedded })
    } catch (error) {
      scene.signal.throwIfAborted()
      // What was measured before stands.
      scene.problem(`the real stack could not be measured: ${messageOf(error)}`)
      return figuresOf({ embedded })
    }
  },
}

/** What the addresses lead to, or containers; undefined, having said why, where there are neither. */
async function realStack({ addresses, note }: Scene): Promise<Stack | undefined> {
  if (addresses) return connectStack(addresses)
  const problem = await dockerProblem()
  // As the embedded one here: every commit waits for the disk.
  if (!problem) return startRealStack({ postgres: { fsync: true }, log: note })
  note(
    `SKIPPED the real stack: ${problem.message.split('\n')[0]} Or give --kafka, --registry and --postgres.`,
  )
  return undefined
}

interface Pair {
  readonly one: Round
  readonly three: Round
}

async function both(scene: Scene, name: string, stack: Stack): Promise<Pair> {
  try {
    return {
      one: await play(scene, `${name}, one`, stack, 1),
      three: await play(scene, `${name}, three`, stack, 3),
    }
  } finally {
    await stack.stop()
  }
}

async function play(scene: Scene, name: string, stack: Stack, payments: number): Promise<Round> {
  const { size, note, signal } = scene
  const company = await openCompany(stack, { instances: { payment: payments }, signal })
  try {
    const rounds: Round[] = []
    for (let round = 0; round <= size('rounds'); round += 1) {
      const report = await manySagas(scene, company, size('sagas'), round + 1)
      if (round > 0) rounds.push(report)
      note(`${name}, round ${round}/${size('rounds')}: ${report.sagasPerSecond.toFixed(0)} sagas/s`)
    }
    return {
      sagasPerSecond: medianOf(rounds.map(({ sagasPerSecond }) => sagasPerSecond)),
      latencyMs: {
        p50: medianOf(rounds.map(({ latencyMs }) => latencyMs.p50)),
        p99: medianOf(rounds.map(({ latencyMs }) => latencyMs.p99)),
      },
    }
  } finally {
    await company.close()
  }
}

function figuresOf({ embedded, real }: { readonly embedded: Pair; readonly real?: Pair }): Figures {
  return {
    ...column('embedded', embedded.one),
    ...(real ? { ...column('real', real.one), ...ratios('real / embedded', real.one, embedded.one) } : {}),
    ...column('embedded, three', embedded.three),
    ...ratios('three / one', embedded.three, embedded.one),
    ...(real
      ? { ...column('real, three', real.three), ...ratios('real: three / one', real.three, real.one) }
      : {}),
  }
}

function column(name: string, { sagasPerSecond, latencyMs }: Round): Figures {
  return {
    [`sagas [${name}]`]: { value: sagasPerSecond, unit: 'sagas/s' },
    [`p50 under load [${name}]`]: { value: latencyMs.p50, unit: 'ms' },
    [`p99 under load [${name}]`]: { value: latencyMs.p99, unit: 'ms' },
  }
}

function ratios(name: string, one: Round, other: Round): Figures {
  return {
    [`sagas [${name}]`]: { value: one.sagasPerSecond / other.sagasPerSecond, unit: 'ratio' },
    [`p50 under load [${name}]`]: { value: one.latencyMs.p50 / other.latencyMs.p50, unit: 'ratio' },
    [`p99 under load [${name}]`]: { value: one.latencyMs.p99 / other.latencyMs.p99, unit: 'ratio' },
  }
}
