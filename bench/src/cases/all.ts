import type { BenchCase } from '../run/case.ts'
import { baseline } from './baseline.ts'
import { compose } from './compose.ts'
import { deadlines } from './deadlines.ts'
import { drain } from './drain.ts'
import { firstSaga } from './first-saga.ts'
import { harness } from './harness.ts'
import { history } from './history.ts'
import { hops } from './hops.ts'
import { idleCpu } from './idle-cpu.ts'
import { memory } from './memory.ts'
import { neighbours } from './neighbours.ts'
import { parked } from './parked.ts'
import { plainKafkajs } from './plain-kafkajs.ts'
import { real } from './real.ts'
import { records } from './records.ts'
import { redrive } from './redrive.ts'
import { sagaLatency } from './saga-latency.ts'
import { stages } from './stages.ts'
import { stackStart } from './stack-start.ts'
import { throughput } from './throughput.ts'

/** Every case, in the order in which they are run; what is held against another stands beside it. */
export const allCases: readonly BenchCase[] = [
  stackStart,
  firstSaga,
  idleCpu,
  memory,
  sagaLatency,
  throughput,
  plainKafkajs,
  hops,
  stages,
  real,
  records,
  drain,
  history,
  deadlines,
  neighbours,
  parked,
  redrive,
  baseline,
  harness,
  compose,
]
