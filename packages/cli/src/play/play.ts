import { type Log, messageOf, topologyOf } from '@troupe/core'
import { connectKafka, ping } from '@troupe/kafka'
import { inventory } from '@troupe-demo/inventory'
import { order } from '@troupe-demo/order'
import { payment } from '@troupe-demo/payment'
import { shipping } from '@troupe-demo/shipping'
import { earlierNote, hasGoneWell, type Played, problemsIn } from '../demo/demo-report.ts'
import { playLoad } from '../demo/play-load.ts'
import { playStories } from '../demo/play-stories.ts'
import { summary } from '../demo/summary.ts'
import { castOf } from '../draw/cast.ts'
import { liveDrawing } from '../draw/live-drawing.ts'
import { createHttpClient, type HttpClient } from '../http/http-client.ts'
import { balanceOf } from '../observe/balance.ts'
import { readBooks } from '../observe/books.ts'
import { createObserver, type Observer } from '../observe/observer.ts'
import { orderApi } from '../stories/order-api.ts'
import { stories } from '../stories/stories.ts'
import { Interruption, stopSignals } from '../terminal/stop-signals.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { elsewhere } from './elsewhere.ts'
import type { PlayOptions } from './play-options.ts'
import { refuseUnready } from './refuse-unready.ts'

const services = [order, payment, inventory, shipping]
/** The observer's own troubles are told by what it does not see. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** What plays need of the outside: what is spoken to, and when to stop. */
interface Playing {
  readonly options: PlayOptions
  readonly terminal: Terminal
  readonly observer: Observer
  readonly http: HttpClient
  readonly signal: AbortSignal
}

/**
 * Plays the demo's stories, or many mixed orders, against services that run elsewhere, and judges them as
 * the demo does: by what was seen on Kafka, what the services answer, and whether both add up.
 *
 * Nobody else may place orders meanwhile: theirs would be counted.
 *
 * @returns the exit code: 0 if everything ended as it should, 1 if not, 128 and more after a signal
 * @throws TroupeError `TROUPE_KAFKA_UNREACHABLE`, `TROUPE_HTTP_UNEXPECTED` if it cannot begin
 */
export async function play(options: PlayOptions, terminal: Terminal): Promise<number> {
  const { signal, dispose } = stopSignals((reason) => terminal.note(`\n${reason}: stopping …`))
  const undo: (() => Promise<void> | void)[] = [dispose]
  try {
    const http = createHttpClient()
    undo.push(() => http.close())
    await ping(connectKafka({ clientId: 'troupe-play', brokers: options.kafka }, silent))
    await refuseUnready(http, options.urls)
    const observer = createObserver({
      kafka: options.kafka.join(','),
      registryUrl: options.registry,
      namespace: options.namespace,
      services,
      log: silent,
    })
    undo.push(() => observer.stop())
    await observer.start()
    return await judged({ options, terminal, observer, http, signal })
  } catch (error) {
    if (error instanceof Interruption) return error.exitCode
    throw error
  } finally {
    for (const step of undo.toReversed()) {
      await Promise.resolve(step()).catch((error: unknown) =>
        terminal.note(`While stopping: ${messageOf(error)}`),
      )
    }
  }
}

async function judged(playing: Playing): Promise<number> {
  const { options, terminal, observer, http, signal } = playing
  const startedAtMs = performance.now()
  const played = await playAll(playing)
  await observer.caughtUp(signal)
  const playedMs = Math.round(performance.now() - startedAtMs)
  const balance = balanceOf(observer.sums(), await readBooks(http, (service) => urlOf(options, service)))
  const report = {
    ok: hasGoneWell(played, balance, observer.troubles()),
    stories: played.stories,
    ...(played.load ? { load: played.load } : {}),
    balance: { ...balance, sums: observer.sums() },
    troubles: observer.troubles(),
    repeats: observer.repeats(),
    timings: { playedMs, firstSagaMs: played.firstSagaMs },
  }
  terminal.print(options.json ? JSON.stringify(report) : summary(report, terminal.colors))
  for (const note of earlierNote(observer.earlierTroubles())) terminal.note(note)
  for (const problem of problemsIn(report)) terminal.note(terminal.noteColors.red(problem))
  return report.ok ? 0 : 1
}

async function playAll({ options, terminal, observer, http, signal }: Playing): Promise<Played> {
  const cast = castOf(topologyOf(services))
  const orders = orderApi(http, urlOf(options, 'order'))
  const stage = { ecosystem: elsewhere, observer, options, signal, terminal }
  if (options.orders !== undefined) return await playLoad(stage, options.orders, orders)
  const told = stories.filter(({ away }) => away === undefined)
  const drawing = options.json ? undefined : liveDrawing(observer, cast, terminal)
  try {
    const played = await playStories(stage, { orders, drawing, cast, stories: told })
    const left = stories.filter((story) => !told.includes(story)).map(({ name }) => `"${name}"`)
    terminal.note(`Not played: ${left.join(', ')}, since nothing can be stopped from here.`)
    return played
  } finally {
    drawing?.stop()
  }
}

function urlOf({ urls }: PlayOptions, service: string): string {
  return urls[service as keyof PlayOptions['urls']]
}
