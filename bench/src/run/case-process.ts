// A process that runs the cases of its task, one after the other, on one stage and with one service alone. It ends early, having stopped
// what it started, on SIGTERM or when its parent is gone.
import { messageOf } from '@troupe/core'
import { allCases } from '../cases/all.ts'
import { openSolo, type Solo } from '../hops/solo.ts'
import { troupePayment } from '../hops/troupe.ts'
import type { BenchCase, Scene } from './case.ts'
import type { Message, Task } from './messages.ts'
import { openStage, type Stage } from './stage.ts'

const task = JSON.parse(process.argv[2] ?? '') as Task
const asked = new AbortController()
process.once('SIGTERM', () => asked.abort(new Error('asked to stop')))
process.once('disconnect', () => asked.abort(new Error('the parent is gone')))

let stage: Promise<Stage> | undefined
let solo: Promise<Solo> | undefined

try {
  for (const one of allCases.filter(({ name }) => task.names.includes(name))) await measure(one)
} finally {
  await Promise.all([stage, solo].map(close))
  if (process.connected) process.disconnect()
}

async function close(opened: Promise<{ close(): Promise<void> }> | undefined): Promise<void> {
  await opened
    ?.then((one) => one.close())
    .catch((error: unknown) => tell({ kind: 'problem', name: 'stop', text: messageOf(error) }))
}

async function measure(one: BenchCase): Promise<void> {
  const { name, title, sizes } = one
  const scene: Scene = {
    size(of) {
      const size = sizes[of]
      if (!size) throw new Error(`${name} has no size ${of}`)
      return task.sizes[`${name}.${of}`] ?? (task.isQuick ? size.quick : size.full)
    },
    isQuick: task.isQuick,
    addresses: task.addresses,
    signal: asked.signal,
    stage: () => (stage ??= openStage(asked.signal)),
    solo: () => (solo ??= openSolo(troupePayment, { signal: asked.signal, isQuick: task.isQuick })),
    note: (text) => tell({ kind: 'note', name, text }),
    problem: (text) => tell({ kind: 'problem', name, text }),
  }
  const sinceMs = performance.now()
  try {
    asked.signal.throwIfAborted()
    const figures = await one.run(scene)
    tell({
      kind: 'measured',
      name,
      report: { title, durationMs: Math.round(performance.now() - sinceMs), figures },
    })
  } catch (error) {
    tell({ kind: 'problem', name, text: `could not be measured: ${messageOf(error)}` })
  }
}

function tell(message: Message): void {
  if (process.connected) process.send?.(message)
}
