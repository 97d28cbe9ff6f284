import { percentilesOf } from '@troupe/cli'
import { openPlainChain } from '../plain/chain.ts'
import { castOf } from '../processes/cast.ts'
import type { BenchCase } from '../run/case.ts'
import { measureRounds, roundSizes } from '../run/rounds.ts'

/**
 * The reference: what somebody writes in an hour. Four processes, each with one consumer and one producer of
 * plain kafkajs, hand a JSON message on. No database, no schema, no duplicates noticed, nothing undone.
 */
export const plainKafkajs: BenchCase = {
  name: 'plain-kafkajs',
  title: 'the reference: four processes of plain kafkajs (eachMessage, JSON, no database), same broker',
  sizes: { ...roundSizes, single: { full: 300, quick: 5, what: 'sagas, one at a time' } },
  async run(scene) {
    const { size, signal, note } = scene
    const chain = await openPlainChain(signal)
    try {
      const rounds = await measureRounds(scene, castOf(chain.pids), (count) => chain.many(count))
      const count = size('single')
      const latencies: number[] = []
      for (let one = 0; one < count; one += 1) latencies.push(await chain.one())
      note(`${count} sagas one at a time`)
      const { p50, p95, p99, max } = percentilesOf(latencies)
      return {
        'p50 one at a time': { value: p50, unit: 'ms' },
        'p95 one at a time': { value: p95, unit: 'ms' },
        'p99 one at a time': { value: p99, unit: 'ms' },
        'max one at a time': { value: max, unit: 'ms' },
        ...rounds,
      }
    } finally {
      await chain.close()
    }
  },
}
