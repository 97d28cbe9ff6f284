import { writeSync } from 'node:fs'
import type { Edit, Graft } from './graft.ts'

/** The moments at which a process can be ended, stopped or made to fail. */
const places = {
  'after-claim': {
    module: 'runtime/batch/partition',
    anchor: 'for (const lane of [laneOf(claim), commandLane])',
  },
  'after-receive': { module: 'runtime/batch/partition', anchor: 'await handleAll(batch, signal)' },
  'before-perform': { module: 'runtime/calls/perform', anchor: 'const performed = await' },
  'after-perform': { module: 'runtime/calls/perform', anchor: 'outcome = fit(delivery, performed)' },
  'before-settle': { module: 'runtime/batch/settle', anchor: 'return (await ledger.settle(' },
  'after-commit': { module: 'runtime/batch/settle', anchor: 'relay.confirmDeleted(published)' },
  'before-answer': { module: 'runtime/batch/decider', anchor: 'for (const end of ends)' },
  'before-push': { module: 'runtime/batch/settle', anchor: 'relay.push(work.outbox)' },
  'before-publish': { module: 'kafka/relay/topic-sender', anchor: 'await this.#send(connected, front)' },
  'after-publish': { module: 'kafka/relay/topic-sender', anchor: 'this.#acknowledged(front)' },
  'before-outbox-delete': {
    module: 'runtime/batch/settle',
    anchor: 'const published = relay.takePublished()',
    isAfter: true,
    onlyIf: 'published.length > 0',
  },
  'after-outbox-delete': {
    module: 'runtime/batch/settle',
    anchor: 'await handOver(work, predecessors, options)',
    onlyIf: 'published.length > 0',
  },
  'before-release': { module: 'runtime/batch/partition', anchor: 'await handOver()' },
} as const satisfies Readonly<Record<string, Place>>

interface Place {
  readonly module: string
  readonly anchor: string
  readonly isAfter?: true
  readonly onlyIf?: string
}

export type FailpointName = keyof typeof places
export const failpointNames = Object.keys(places) as FailpointName[]

/**
 * - `kill`: SIGKILL; `stop`: SIGSTOP, until somebody sends SIGCONT
 * - `throw`: an error that nobody knows
 */
export type FailpointAction = 'kill' | 'stop' | 'throw'

export interface Failpoint {
  readonly name: FailpointName
  readonly action: FailpointAction
  /** At the n-th time, from 1. */
  readonly nth: number
}

export function isFailpointName(name: string): name is FailpointName {
  return Object.hasOwn(places, name)
}

/** What a module says when it comes to a failpoint; {@link arm} sees to it that somebody listens. */
export function failpointGraft(name: FailpointName): Graft {
  const { module, anchor, isAfter, onlyIf }: Place = places[name]
  const call = `globalThis[Symbol.for('troupe.failpoint')]('${name}');`
  const said = onlyIf === undefined ? call : `if (${onlyIf}) ${call}`
  const edit: Edit = isAfter ? { module, anchor, after: `; ${said}` } : { module, anchor, before: said }
  return { name, edits: [edit] }
}

/** Lets this process's failpoints do what they are to do. */
export function arm(failpoints: readonly Failpoint[]): void {
  const times = new Map<string, number>()
  const comeTo = (name: string) => {
    const time = (times.get(name) ?? 0) + 1
    times.set(name, time)
    for (const failpoint of failpoints) {
      if (failpoint.name === name && failpoint.nth === time) act(failpoint)
    }
  }
  Object.assign(globalThis, { [Symbol.for('troupe.failpoint')]: comeTo })
}

function act({ name, action, nth }: Failpoint): void {
  // Written at once: after this, nothing that waits in memory is written any more.
  writeSync(2, `failpoint ${name}:${action}@${nth}\n`)
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      break
    case 'stop':
      process.kill(process.pid, 'SIGSTOP')
      break
    case 'throw':
      throw new Error(`The failpoint ${name} was reached for the ${nth}. time.`)
  }
}
