import { type Log, messageOf, topologyOf } from '@troupe/core'
import { inventory } from '@troupe-demo/inventory'
import { order } from '@troupe-demo/order'
import { payment } from '@troupe-demo/payment'
import { shipping } from '@troupe-demo/shipping'
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { castOf } from '../draw/cast.ts'
import { type LiveDrawing, liveDrawing } from '../draw/live-drawing.ts'
import { type Ecosystem, startEcosystem } from '../ecosystem/ecosystem.ts'
import { refuseTakenPorts } from '../ecosystem/taken-ports.ts'
import { createHttpClient } from '../http/http-client.ts'
import { balanceOf } from '../observe/balance.ts'
import { readBooks } from '../observe/books.ts'
import { createObserver, type Observer } from '../observe/observer.ts'
import { orderApi } from '../stories/order-api.ts'
import { stories } from '../stories/stories.ts'
import { Interruption, stopSignals } from '../terminal/stop-signals.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { addressesOf, addressLines } from './addresses.ts'
import type { DemoOptions } from './demo-options.ts'
import {
  complaintsOf,
  type DemoReport,
  earlierNote,
  hasGoneWell,
  type Played,
  problemsIn,
} from './demo-report.ts'
import { playLoad } from './play-load.ts'
import { playStories } from './play-stories.ts'
import { startNotes } from './start-notes.ts'
import { summary } from './summary.ts'

const services = [order, payment, inventory, shipping]
/** The observer's own troubles are told by what it does not see. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Everything that a demo needs while it runs. */
export interface Running {
  readonly options: DemoOptions
  readonly terminal: Terminal
  readonly ecosystem: Ecosystem
  /** Of all the services' admin APIs; for this demo only. */
  readonly adminToken: string
  readonly observer: Observer
  readonly http: ReturnType<typeof createHttpClient>
  readonly signal: AbortSignal
}

/**
 * Runs the demo.
 *
 * @returns the exit code: 0 if everything ended as it should, 1 if not, 128 and more after a signal that
 *   came before the end
 * @throws what refused the start, or why a service died
 */
export async function demo(options: DemoOptions, terminal: Terminal): Promise<number> {
  await refuseTakenPorts(options.addresses)
  const { signal, dispose } = stopSignals((reason) => terminal.note(`\n${reason}: stopping …`))
  const notes = startNotes(options, terminal)
  const adminToken = randomBytes(24).toString('hex')
  const undo: (() => Promise<void> | void)[] = [dispose]
  try {
    notes.begin()
    const ecosystem = await startEcosystem(
      {
        addresses: options.addresses,
        ...(options.keep === undefined ? {} : { dir: resolve(options.keep) }),
        adminToken,
        logLevel: options.verbose ? 'debug' : 'info',
        ...notes.listeners,
      },
      signal,
    )
    undo.push(() => ecosystem.stop())
    const http = createHttpClient()
    undo.push(() => http.close())
    const observer = createObserver({
      kafka: ecosystem.stack.kafka.address,
      registryUrl: ecosystem.stack.registry.url,
      services,
      log: silent,
    })
    undo.push(() => observer.stop())
    await observer.start()
    notes.ready(ecosystem.timings)
    return await play({ options, terminal, ecosystem, adminToken, observer, http, signal })
  } catch (error) {
    if (error instanceof Interruption) return error.exitCode
    throw error
  } finally {
    for (const step of undo.toReversed()) {
      await Promise.resolve(step()).catch((error: unknown) =>
        terminal.note(`While stopping: ${messageOf(error)}`),
      )
    }
    if (signal.aborted) terminal.note('Stopped.')
  }
}

async function play(running: Running): Promise<number> {
  const { options, terminal, ecosystem, observer, http, signal } = running
  const cast = castOf(topologyOf(services))
  const drawing = options.json ? undefined : liveDrawing(observer, cast, terminal)
  const orders = orderApi(http, ecosystem.urlOf('order'))
  const startedAtMs = performance.now()
  try {
    const played: Played =
      options.orders === undefined
        ? await playStories(running, { orders, drawing, cast, stories })
        : await playLoad(running, options.orders, orders)
    await observer.caughtUp(signal)
    const playedMs = Math.round(performance.now() - startedAtMs)
    const balance = balanceOf(observer.sums(), await readBooks(http, ecosystem.urlOf))
    const report: DemoReport = {
      ok: hasGoneWell(played, balance, observer.troubles()),
      stories: played.stories,
      ...(played.load ? { load: played.load } : {}),
      balance: { ...balance, sums: observer.sums() },
      troubles: observer.troubles(),
      timings: { ...ecosystem.timings, playedMs, firstSagaMs: played.firstSagaMs },
      ...(options.once ? {} : { addresses: addressesOf(running) }),
    }
    if (options.json) terminal.print(JSON.stringify(report))
    else terminal.print(summary(report, terminal.colors))
    for (const note of earlierNote(observer.earlierTroubles())) terminal.note(note)
    for (const problem of problemsIn(report)) terminal.note(terminal.noteColors.red(problem))
    if (!report.ok) for (const complaint of complaintsOf(ecosystem)) terminal.note(complaint)
    if (!options.once) await stayUp(running, drawing)
    return report.ok ? 0 : 1
  } finally {
    drawing?.stop()
  }
}

/** Resolves when somebody asks to stop. @throws why a service or the stack died */
async function stayUp(running: Running, drawing: LiveDrawing | undefined): Promise<void> {
  const { terminal, ecosystem, signal, options } = running
  drawing?.openHouse()
  if (!options.json) terminal.print(addressLines(running))
  const asked = new Promise<void>((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
  await Promise.race([asked, ecosystem.failed])
}
