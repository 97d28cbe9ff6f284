// Draws sagas while they go on, only ever by adding lines: a terminal, a file and a CI log show the same.
//
// Invariants
// 1. At most one saga is in focus: its events are drawn one by one, each after its cause. A saga that began
//    while another one was in focus is drawn as one line when it ends: after the one in focus, or at once
//    if too many wait for it.
// 2. While orders are placed by the demo, nothing of a saga is drawn before its POST is known: times count
//    from there.

import type { Observer } from '../observe/observer.ts'
import { inCausalOrder, type Saga } from '../observe/saga.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { Cast } from './cast.ts'
import { sagaLine, sagaSummary } from './saga-lines.ts'

export interface LiveDrawing {
  /** An order was placed at this time (`performance.now()`): its saga may be drawn from now on. */
  readonly placed: (sagaId: string, postedAtMs: number) => void
  /** A sentence between the lines. */
  readonly say: (sentence: string) => void
  /** From now on orders come from elsewhere: times count from when the order service took them in. */
  openHouse(): void
  /** A story is over: draws what has been held back, and lets go of what has not ended. */
  finish(): void
  stop(): void
}

const waitingMax = 20
/** A saga that stands still for so long gives up the focus. */
const standstillMs = 3_000

export function liveDrawing(observer: Observer, cast: Cast, terminal: Terminal): LiveDrawing {
  const { colors } = terminal
  const bases = new Map<string, number>()
  const passedOver = new Set<string>()
  let isOpenHouse = false
  let focus: { readonly saga: Saga; readonly drawn: Set<string>; drawnAtMs: number } | undefined
  let waiting: string[] = []

  function baseOf(saga: Saga): number | undefined {
    const known = bases.get(saga.id)
    const root = saga.events.find(({ event }) => event.causationId === undefined)
    if (known !== undefined || !isOpenHouse || !root) return known
    return root.event.timeMs - performance.timeOrigin
  }

  function draw(saga: Saga): void {
    const baseMs = baseOf(saga)
    if (baseMs === undefined) return
    if (focus && focus.saga !== saga && performance.now() - focus.drawnAtMs > standstillMs) focus = undefined
    if (!focus && !passedOver.has(saga.id)) focus = { saga, drawn: new Set(), drawnAtMs: performance.now() }
    if (focus?.saga !== saga) {
      passedOver.add(saga.id)
      return
    }
    if (focus.drawn.size === 0 && isOpenHouse) terminal.print(colors.dim(`order ${saga.id}`))
    for (const one of inCausalOrder(saga.events)) {
      const { id, causationId } = one.event
      if (focus.drawn.has(id) || (causationId !== undefined && !focus.drawn.has(causationId))) continue
      focus.drawn.add(id)
      focus.drawnAtMs = performance.now()
      terminal.print(sagaLine(one, saga, { cast, colors, baseMs }))
    }
  }

  function end(saga: Saga): void {
    const baseMs = baseOf(saga)
    if (baseMs === undefined) return
    bases.delete(saga.id)
    passedOver.delete(saga.id)
    if (focus?.saga === saga) focus = undefined
    else waiting.push(sagaSummary(saga, { colors, baseMs }))
    if (!focus || waiting.length > waitingMax) flush()
  }

  function flush(): void {
    for (const line of waiting) terminal.print(line)
    waiting = []
  }

  const stop = observer.listen({
    seen: (one, saga) => {
      if (!one.isHistory) draw(saga)
    },
    ended: (saga) => {
      if (!saga.events.every(({ isHistory }) => isHistory)) end(saga)
    },
  })
  return {
    placed(sagaId, postedAtMs) {
      bases.set(sagaId, postedAtMs)
      const saga = observer.saga(sagaId)
      if (!saga) return
      draw(saga)
      if (!observer.open().includes(saga)) end(saga)
    },
    say: (sentence) => terminal.print(`${' '.repeat(8)}${colors.dim(`· ${sentence}`)}`),
    openHouse() {
      isOpenHouse = true
    },
    finish() {
      focus = undefined
      flush()
    },
    stop,
  }
}
