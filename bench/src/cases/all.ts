import type { BenchCase } from '../run/case.ts'
import { firstSaga } from './first-saga.ts'
import { idleCpu } from './idle-cpu.ts'
import { memory } from './memory.ts'
import { plainKafkajs } from './plain-kafkajs.ts'
import { sagaLatency } from './saga-latency.ts'
import { stackStart } from './stack-start.ts'
import { throughput } from './throughput.ts'

/** Every case, in the order in which they are run; the reference stands beside what it is held against. */
export const allCases: readonly BenchCase[] = [
  stackStart,
  firstSaga,
  idleCpu,
  memory,
  sagaLatency,
  throughput,
  plainKafkajs,
]
